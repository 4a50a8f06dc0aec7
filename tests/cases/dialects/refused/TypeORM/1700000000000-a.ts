import { MigrationInterface, QueryRunner } from "typeorm";
export class A1700000000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner) { await queryRunner.query(`create table a (id int)`); }
}

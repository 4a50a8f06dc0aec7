exports.up = (knex) => knex.schema.createTable("a", (t) => t.increments());

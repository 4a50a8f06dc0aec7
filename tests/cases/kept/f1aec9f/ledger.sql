--
-- PostgreSQL database dump
--

\restrict sMc6d0PKZQG6767rxhi2YSsKnY3gFsdWIb4lFS6mexUNDvTg5jL2d1Oq5dDixbW

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: deploy_ledger; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA deploy_ledger;


--
-- Name: SCHEMA deploy_ledger; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON SCHEMA deploy_ledger IS 'What was deployed to this database, when, by whom and with what evidence. Written by pg_deploy; do not edit.';


--
-- Name: supabase_migrations; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA supabase_migrations;


--
-- Name: plan(text); Type: FUNCTION; Schema: deploy_ledger; Owner: -
--

CREATE FUNCTION deploy_ledger.plan(statement text) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
declare
    found json;
begin
    execute 'explain (format json) ' || statement into found;
    return found::jsonb;
end
$$;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: alert; Type: TABLE; Schema: deploy_ledger; Owner: -
--

CREATE TABLE deploy_ledger.alert (
    id bigint NOT NULL,
    measure text NOT NULL,
    object text NOT NULL,
    cause text NOT NULL,
    what_to_do text NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    ended_at timestamp with time zone,
    told_at timestamp with time zone,
    end_told_at timestamp with time zone
);


--
-- Name: alert_id_seq; Type: SEQUENCE; Schema: deploy_ledger; Owner: -
--

ALTER TABLE deploy_ledger.alert ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME deploy_ledger.alert_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: attempt; Type: TABLE; Schema: deploy_ledger; Owner: -
--

CREATE TABLE deploy_ledger.attempt (
    id bigint NOT NULL,
    deployment_id bigint NOT NULL,
    version text NOT NULL,
    stem text NOT NULL,
    sql_hash text NOT NULL,
    state text NOT NULL,
    error text,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    applied_at timestamp with time zone,
    verified_at timestamp with time zone,
    ended_at timestamp with time zone,
    CONSTRAINT attempt_state_check CHECK ((state = ANY (ARRAY['planned'::text, 'snapshotted'::text, 'applying'::text, 'applied'::text, 'verified'::text, 'rolling_back'::text, 'rolled_back'::text, 'rollback_failed'::text, 'baselined'::text])))
);


--
-- Name: attempt_id_seq; Type: SEQUENCE; Schema: deploy_ledger; Owner: -
--

ALTER TABLE deploy_ledger.attempt ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME deploy_ledger.attempt_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: catalog_fact; Type: TABLE; Schema: deploy_ledger; Owner: -
--

CREATE TABLE deploy_ledger.catalog_fact (
    hash text NOT NULL,
    scope text NOT NULL,
    kind text NOT NULL,
    identity text NOT NULL,
    definition text NOT NULL
);


--
-- Name: fence_seq; Type: SEQUENCE; Schema: deploy_ledger; Owner: -
--

CREATE SEQUENCE deploy_ledger.fence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: deployment; Type: TABLE; Schema: deploy_ledger; Owner: -
--

CREATE TABLE deploy_ledger.deployment (
    id bigint NOT NULL,
    dag_id text NOT NULL,
    airflow_run text NOT NULL,
    host text NOT NULL,
    actor text NOT NULL,
    conf jsonb NOT NULL,
    folder text NOT NULL,
    folder_versions text[] NOT NULL,
    fence bigint DEFAULT nextval('deploy_ledger.fence_seq'::regclass) NOT NULL,
    good_until timestamp with time zone NOT NULL,
    phase text NOT NULL,
    state text DEFAULT 'running'::text NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT deployment_check CHECK (((state = 'running'::text) = (ended_at IS NULL))),
    CONSTRAINT deployment_state_check CHECK ((state = ANY (ARRAY['running'::text, 'deployed'::text, 'rolled_back'::text, 'failed'::text, 'abandoned'::text])))
);


--
-- Name: deployment_id_seq; Type: SEQUENCE; Schema: deploy_ledger; Owner: -
--

ALTER TABLE deploy_ledger.deployment ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME deploy_ledger.deployment_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: evidence; Type: TABLE; Schema: deploy_ledger; Owner: -
--

CREATE TABLE deploy_ledger.evidence (
    id bigint NOT NULL,
    deployment_id bigint NOT NULL,
    attempt_id bigint,
    version text,
    location text NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    outcome text NOT NULL,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT evidence_location_check CHECK ((location = ANY (ARRAY['target'::text, 'rehearsal'::text])))
);


--
-- Name: evidence_id_seq; Type: SEQUENCE; Schema: deploy_ledger; Owner: -
--

ALTER TABLE deploy_ledger.evidence ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME deploy_ledger.evidence_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: measurement; Type: TABLE; Schema: deploy_ledger; Owner: -
--

CREATE TABLE deploy_ledger.measurement (
    sample_id bigint NOT NULL,
    measure text NOT NULL,
    problem text,
    failed boolean DEFAULT false NOT NULL,
    rows jsonb DEFAULT '[]'::jsonb NOT NULL
);


--
-- Name: planned_migration; Type: TABLE; Schema: deploy_ledger; Owner: -
--

CREATE TABLE deploy_ledger.planned_migration (
    deployment_id bigint NOT NULL,
    "position" integer NOT NULL,
    version text NOT NULL,
    stem text NOT NULL,
    name text NOT NULL,
    title text NOT NULL,
    sql_hash text NOT NULL,
    bundle_hash text NOT NULL,
    sql text NOT NULL,
    rollback text,
    rollback_source text NOT NULL,
    rollback_proven boolean DEFAULT false NOT NULL,
    risk text NOT NULL,
    access text NOT NULL,
    manifest jsonb NOT NULL,
    CONSTRAINT planned_migration_rollback_source_check CHECK ((rollback_source = ANY (ARRAY['written'::text, 'generated'::text, 'none'::text])))
);


--
-- Name: refresh; Type: TABLE; Schema: deploy_ledger; Owner: -
--

CREATE TABLE deploy_ledger.refresh (
    id bigint NOT NULL,
    view_name text NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    duration_ms double precision NOT NULL,
    online boolean NOT NULL,
    problem text
);


--
-- Name: refresh_id_seq; Type: SEQUENCE; Schema: deploy_ledger; Owner: -
--

ALTER TABLE deploy_ledger.refresh ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME deploy_ledger.refresh_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: revision; Type: TABLE; Schema: deploy_ledger; Owner: -
--

CREATE TABLE deploy_ledger.revision (
    number integer NOT NULL,
    made_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);


--
-- Name: sample; Type: TABLE; Schema: deploy_ledger; Owner: -
--

CREATE TABLE deploy_ledger.sample (
    id bigint NOT NULL,
    taken_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    airflow_run text NOT NULL,
    server_start timestamp with time zone NOT NULL,
    deployment_id bigint,
    judged_at timestamp with time zone
);


--
-- Name: sample_id_seq; Type: SEQUENCE; Schema: deploy_ledger; Owner: -
--

ALTER TABLE deploy_ledger.sample ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME deploy_ledger.sample_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: snapshot; Type: TABLE; Schema: deploy_ledger; Owner: -
--

CREATE TABLE deploy_ledger.snapshot (
    id bigint NOT NULL,
    attempt_id bigint,
    deployment_id bigint NOT NULL,
    moment text NOT NULL,
    location text NOT NULL,
    fingerprint text NOT NULL,
    server_version integer NOT NULL,
    fact_hashes text[] NOT NULL,
    taken_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT snapshot_location_check CHECK ((location = ANY (ARRAY['target'::text, 'rehearsal'::text]))),
    CONSTRAINT snapshot_moment_check CHECK ((moment = ANY (ARRAY['before'::text, 'after'::text, 'undoing'::text, 'rolled_back'::text, 'deployed'::text])))
);


--
-- Name: snapshot_id_seq; Type: SEQUENCE; Schema: deploy_ledger; Owner: -
--

ALTER TABLE deploy_ledger.snapshot ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME deploy_ledger.snapshot_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: statement_run; Type: TABLE; Schema: deploy_ledger; Owner: -
--

CREATE TABLE deploy_ledger.statement_run (
    id bigint NOT NULL,
    attempt_id bigint NOT NULL,
    deployment_id bigint NOT NULL,
    direction text NOT NULL,
    try integer NOT NULL,
    segment integer NOT NULL,
    transactional boolean NOT NULL,
    ordinal integer NOT NULL,
    line integer NOT NULL,
    kind text NOT NULL,
    summary text NOT NULL,
    pid integer NOT NULL,
    backend_start timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    sqlstate text,
    error text,
    notices text[] DEFAULT '{}'::text[] NOT NULL,
    waited_s double precision DEFAULT 0 NOT NULL,
    blockers text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT statement_run_direction_check CHECK ((direction = ANY (ARRAY['apply'::text, 'rollback'::text, 'mend'::text])))
);


--
-- Name: statement_run_id_seq; Type: SEQUENCE; Schema: deploy_ledger; Owner: -
--

ALTER TABLE deploy_ledger.statement_run ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME deploy_ledger.statement_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: schema_migrations; Type: TABLE; Schema: supabase_migrations; Owner: -
--

CREATE TABLE supabase_migrations.schema_migrations (
    version text NOT NULL,
    statements text[],
    name text
);


--
-- Data for Name: alert; Type: TABLE DATA; Schema: deploy_ledger; Owner: -
--

COPY deploy_ledger.alert (id, measure, object, cause, what_to_do, started_at, seen_at, ended_at, told_at, end_told_at) FROM stdin;
\.


--
-- Data for Name: attempt; Type: TABLE DATA; Schema: deploy_ledger; Owner: -
--

COPY deploy_ledger.attempt (id, deployment_id, version, stem, sql_hash, state, error, started_at, applied_at, verified_at, ended_at) FROM stdin;
1	1	20250101000000	20250101000000_add_priority	a5eded9ade18b802c356ad20991e12cf27b4a92b09732fe2a9c61a9d59492d41	verified	\N	2026-11-29 14:18:18.378697+00	2026-11-29 14:18:18.490725+00	2026-11-29 14:18:18.531836+00	2026-11-29 14:18:18.531836+00
\.


--
-- Data for Name: catalog_fact; Type: TABLE DATA; Schema: deploy_ledger; Owner: -
--

COPY deploy_ledger.catalog_fact (hash, scope, kind, identity, definition) FROM stdin;
d35c1b84a1c182c27de7d78cc6d9a8b3cdf2119ad1f4d34f01cbfb667fd95f3f	database	aggregate	app.total(integer)	{"arguments": "integer", "finalfunc modify": "r", "initcond": "0", "owner": "admin", "parallel": "u", "result": "integer", "sfunc": "int4pl", "stype": "integer"}
8a2bcc6143f05138d1be8069f72ddba2a660f5efbd2711de9ba26a198fe00813	database	cast	app.pair as integer	{"context": "explicit", "function": "app.add_pair(app.pair)", "method": "function"}
103c9c8fb31fa67410e2c81d985ef5317b243b214bf96952080dfe096bbf7df0	database	cast	app.span as app.span_multirange	{"context": "explicit", "function": "app.span_multirange(app.span)", "method": "function"}
70484a4616e3f6402b009cb73ec7f7aac3caadd7ace26e58ffdf3a3edb005307	database	collation	app.german	{"collencoding": -1, "colliculocale": "de", "collisdeterministic": true, "collprovider": "i", "owner": "admin"}
800e1d1bbbb435bf41a87c1abd4c6f09e4826fa2881b46116c65907ec61a0904	database	column	"Odd Name"."Odd.Table"."Odd Column"	{"position": 1, "type": "integer"}
855b806370bc916360a99f78e65365a776acfb1d6dad77f8582d1e2f8ddc46ba	database	column	app.child.amount	{"position": 3, "type": "numeric(10,2)"}
cfead3bb7df124ec4b000b302368c556939bcc83018c860f3e0d06f554d7acf8	database	column	app.child.id	{"default": "nextval('app.child_id_seq'::regclass)", "not null": true, "position": 1, "type": "integer"}
19da928e727042b2b00196001a3d01ac07dc444e5551625e32d7c1f596de6f7e	database	column	app.child.parent_id	{"position": 2, "type": "bigint"}
da03a74f41089991715759d6dd81d97c5060d36c13ced1a574a8762aab3217ac	database	column	app.fast.a	{"position": 1, "type": "integer"}
ed37e1bcbd4c636213b5d148ea50b005250f15ef5915da00dd863f7569a5138d	database	column	app.inherited.amount	{"inherited": "only", "position": 3, "type": "numeric(10,2)"}
9d88a8084302b0e4c69239b550a6bb84d9d516ef03c46bbf37b2d686689fb633	database	column	app.inherited.extra	{"position": 4, "type": "integer"}
aa9e335da7d6241db72459912799ae324509e3ba889862cd01321561e217f124	database	column	app.inherited.id	{"default": "nextval('app.child_id_seq'::regclass)", "inherited": "only", "not null": true, "position": 1, "type": "integer"}
7710c7c93232b9c05ce91ecc6888260e454533f9b787ae72d7bf6ce3621c4e79	database	column	app.inherited.parent_id	{"inherited": "only", "position": 2, "type": "bigint"}
7259d9f48ad7caa0bb06cae0f243dedf5f9ed3e677547eca36c3695568bf6abe	database	column	app.mine.id	{"position": 1, "type": "bigint"}
2e223344d64274eae1015fb85956af3963ad4de977a4f9465d1f7e969a6e39cd	database	column	app.names.id	{"position": 1, "type": "bigint"}
5d51186c652130993c9648067baf0237fc2e6f1c1238047af62126de9414b0a6	database	column	app.names.name	{"position": 2, "type": "text"}
3b8571c167a89f0d356ca650a6244864a9dfe438b8dfadaa8064508c06790de4	database	column	app.parent.born	{"default": "'2020-01-01 00:00:00+00'::timestamp with time zone", "position": 6, "type": "timestamp with time zone"}
761de7fdc4f14ccbcfd199dc7504bfff76d1bf1c9094bb39940732f4dd6f8e09	database	column	app.parent.id	{"identity": "always", "not null": true, "position": 1, "type": "bigint"}
cd3ce2fc391a23ad8185499e89a0e5750366dc083f3ab2adbe99dbb1749855d1	database	column	app.parent.label	{"position": 4, "type": "app.short"}
6e2bc5059e0591a518c1596b7e3f12ca5eb9b1f2f610e5d2fed7c7384690c428	database	column	app.parent.mood	{"position": 3, "type": "app.mood"}
de4a080a62a2e7f3155409db138a1befbded1203141eda8a9e5dc1fc0b721ee3	database	column	app.parent.name	{"default": "'nobody'::text", "not null": true, "options": ["n_distinct=5"], "position": 2, "type": "text"}
41b63e41ab478ce58696df764155d1a9b53e802b694c564bc81babac370f9a82	database	column	app.parent.note	{"position": 7, "type": "text"}
1c5b502496fe7db759798d0b0b40ca4f1a84c86519886dedc1a0246a033fb7e6	database	column	app.parent.twice	{"default": "(length('abc'::text) * 2)", "generated": "stored", "position": 5, "type": "bigint"}
8920e2e14ef81b210510ad071c400c560f2ee861ee65f9a24b2f4e9d5bbeb1a2	database	column	app.part.day	{"not null": true, "position": 1, "type": "date"}
ff890d121bc4520d1dbce549b15ca73f8349226319c1f4d713e3aeda994839dd	database	column	app.part.value	{"position": 2, "type": "integer"}
a7d8c6e6b4d9cd53e3d6e14842ab7ba603869e62319d8e5de9fe61cc8e17d8b7	database	column	app.part_1.day	{"inherited": "only", "not null": true, "position": 1, "type": "date"}
7a7b5bdbf70e003a2d7698fb048a1bf920cd1715a0c9a06028982e5be0edda2e	database	column	app.part_1.value	{"inherited": "only", "position": 2, "type": "integer"}
44704451d9f430ee4df7cfb7b2a270499c28301f49df218ff7a6120c11639287	database	column	app.remote.a	{"position": 1, "type": "integer"}
a8164e9ebb0c0911fcdbf9ba9a08aafc5e010f7c472e6800d60219dc323e363d	database	column	app.totals.parent_id	{"position": 1, "type": "bigint"}
5e116152345fa355c044cb5279b2a7535517c6729688fd323ed6b9838b849303	database	column	app.totals.total	{"position": 2, "type": "numeric"}
25005982642fff209400cd82ba930b9e1d3bf902dbaae3febd66ad27efe18447	database	comment	function app.stamp()	{"text": "stamps"}
936f697f96ec3d392b2137b8c0369a28239f82a88a86cf13a0a0fad266c5e67e	database	comment	policy reads on app.parent	{"text": "who reads"}
e0353eb994d03c9ff0ae0337cd1a04d2a17c16ed3a0f31af3e2e437159d29f86	database	comment	schema public	{"text": "standard public schema"}
b95424183ae5dca8d0ce80efcd7cd1e01beefb684189b49db57675693f05bd80	database	comment	table app.parent	{"text": "the parents"}
f0d5b6e2c6cfb6c78980be932622d6c000e7714796222c9753b9d225e98d7ef5	database	comment	table column app.parent.note	{"text": "a note"}
dc2c4ff366194e7f9d44cfb2478c87dce7be6538519999533a57bace1653655e	database	constraint	app.child.child_amount_check	{"definition": "CHECK ((amount > (0)::numeric))"}
d63c8ce4e460dd35b8dcd051c703edd680f7055f74ccf8e5057e7e011af5420c	database	constraint	app.child.child_amount_parent	{"definition": "UNIQUE (parent_id, amount) DEFERRABLE"}
e045f411c3db0d6e8b1dfb6ef212744b234683e8b962d83ccbf6b53dcabef423	database	constraint	app.child.child_parent_id_fkey	{"definition": "FOREIGN KEY (parent_id) REFERENCES app.parent(id) ON DELETE CASCADE"}
d02032a4cd53b24a7006f9036ef31898eb9b7b5d8f65a727c981239e1a3a145f	database	constraint	app.child.child_pkey	{"definition": "PRIMARY KEY (id)"}
13d45a0e1aee0a0f02839a8c481328992f47aaefe303ff45f62019570bb69abf	database	constraint	app.inherited.child_amount_check	{"definition": "CHECK ((amount > (0)::numeric))", "inherited": "only"}
0faa6d72cd59f52abdd2024dcee13946790ec58662b8df7ff685f0672276d9da	database	constraint	app.parent.parent_pkey	{"definition": "PRIMARY KEY (id)"}
5f4aa9849e3a72bcf074405ff2e17f150609e18ac501730c2152bc0fa61bc845	database	constraint	app.short.short_check	{"definition": "CHECK ((length(VALUE) < 10))"}
50262ddb2de6b44e481d71da91f932b06f22d6daa6b381a03c05e5930b2d0aba	database	grant	function app.span_multirange(app.span[]) to admin	{"by admin": "EXECUTE"}
4a1a64f5fcf0e76adfe8889ff723cbf10991f68c63d5473f0315ff2b49c5cb19	cluster	database	this database	{"collate": "C.UTF-8", "ctype": "C.UTF-8", "encoding": "UTF8", "locale provider": "c", "owner": "admin", "tablespace": "pg_default"}
51d42423b42ee2af0d414404abe04c24d0158778fd6f35ef193925961e95db51	database	default grant	functions made by admin	{"present": true, "to admin": "EXECUTE"}
057f934d1cfa6421f292061dfcc1a15b28df17523beb91758aa0d96debfc31f1	database	default grant	tables made by admin in schema app	{"present": true, "to anon": "SELECT"}
d9793c0c28e07a24fbe79ca2b578267a508d599deb7c3314558cadc78479ec82	database	event trigger	watching	{"event": "ddl_command_end", "fires": "never", "function": "app.watch()", "owner": "admin", "tags": ["DROP TABLE"]}
3ddc9d16ef16bc1ed7112a89f2712aaf92ce43a4592a0aad4c0006a67857a0b2	database	extension	plpgsql	{"owner": "admin", "schema": "pg_catalog", "version": "1.0"}
995fb9052b90c7bff1d6dd0a6d1c5baceb9afdaee7a15f73172a632777bdba5a	database	foreign data wrapper	wrapper	{"owner": "admin"}
9bfbd38acaa5b819df2192ff8a2512a5397cc3c44b5b5c33bb68bbe9d1114dbd	database	foreign table	app.remote	{"owner": "admin", "server": "far", "server options": ["table_name=t"]}
ca47e141d27445ed7a46ed7be1ab3a5fcd7ed5afa8f581b1eba4d4f4628ab719	database	function	app.add(integer,integer)	{"definition": "CREATE OR REPLACE FUNCTION app.add(integer, integer DEFAULT 1)\\n RETURNS integer\\n LANGUAGE sql\\n IMMUTABLE\\nAS $function$select $1 + $2$function$\\n", "owner": "admin"}
4629470d6732323b119e8761419e765efec0f99ac6a46b054280ef77ec583887	database	function	app.add(text)	{"definition": "CREATE OR REPLACE FUNCTION app.add(text)\\n RETURNS text\\n LANGUAGE sql\\nAS $function$select $1$function$\\n", "owner": "admin"}
a4752a5cc6332e9bcb61c65122a119379eddf952b3d676e55bc9c8f54b4023a4	database	function	app.add_pair(app.pair)	{"definition": "CREATE OR REPLACE FUNCTION app.add_pair(app.pair)\\n RETURNS integer\\n LANGUAGE sql\\nAS $function$select ($1).a$function$\\n", "owner": "admin"}
12265e765605b088e4b0ea6a78b2c32a8c638ff9484b5d05326825990ff4ad3a	database	function	app.span(double precision,double precision)	{"definition": "CREATE OR REPLACE FUNCTION app.span(double precision, double precision)\\n RETURNS app.span\\n LANGUAGE internal\\n IMMUTABLE PARALLEL SAFE\\nAS $function$range_constructor2$function$\\n", "owner": "admin"}
9f9d90e079e36486d2abfa4bd57a7f528d8d663bf49149e9abbc760444503e5f	database	function	app.span(double precision,double precision,text)	{"definition": "CREATE OR REPLACE FUNCTION app.span(double precision, double precision, text)\\n RETURNS app.span\\n LANGUAGE internal\\n IMMUTABLE PARALLEL SAFE\\nAS $function$range_constructor3$function$\\n", "owner": "admin"}
47c3e8f35065059cfbe29a79e43ff3f5e408b55286cab30d24cc5fb27478e067	database	function	app.span_multirange()	{"definition": "CREATE OR REPLACE FUNCTION app.span_multirange()\\n RETURNS app.span_multirange\\n LANGUAGE internal\\n IMMUTABLE PARALLEL SAFE STRICT\\nAS $function$multirange_constructor0$function$\\n", "owner": "admin"}
4e82185eee37e01cf46bc1006810a828cbe03526264be7799ad9349a0861db6a	database	function	app.span_multirange(app.span)	{"definition": "CREATE OR REPLACE FUNCTION app.span_multirange(app.span)\\n RETURNS app.span_multirange\\n LANGUAGE internal\\n IMMUTABLE PARALLEL SAFE STRICT\\nAS $function$multirange_constructor1$function$\\n", "owner": "admin"}
691c4a9411eb9e8f20bfeae275f30c973c9601fc7f11ee2cec1f28fcb4cfa424	database	function	app.span_multirange(app.span[])	{"definition": "CREATE OR REPLACE FUNCTION app.span_multirange(VARIADIC app.span[])\\n RETURNS app.span_multirange\\n LANGUAGE internal\\n IMMUTABLE PARALLEL SAFE STRICT\\nAS $function$multirange_constructor2$function$\\n", "owner": "admin"}
7ef4aadd99b9e501223961b6d0b566387b1a97099239fda372b24c1ddf70f1e1	database	function	app.stamp()	{"definition": "CREATE OR REPLACE FUNCTION app.stamp()\\n RETURNS trigger\\n LANGUAGE plpgsql\\nAS $function$\\nbegin\\n    return new; -- as it is\\nend\\n$function$\\n", "owner": "admin"}
3f196200c35640ab02e06f08fad7a1df0a437785c1b9ca1fef4c9e5583e3ca14	database	function	app.watch()	{"definition": "CREATE OR REPLACE FUNCTION app.watch()\\n RETURNS event_trigger\\n LANGUAGE plpgsql\\nAS $function$begin end$function$\\n", "owner": "admin"}
48797296f59dd3e789080e0f346fb6ef14829c03fe973e6501d1276b025a3b6f	database	grant	aggregate app.total(integer) to admin	{"by admin": "EXECUTE"}
5d4823e75227d8acafbc5999a078ae1c697fa1c08156ab2a3a89cbfc827a8920	database	grant	aggregate app.total(integer) to public	{"by admin": "EXECUTE"}
c3dd063ad307ba6a9bdc6c8c87bbd656d5fe12127f8462643eabc080ae70b598	database	grant	column app.parent.note to member	{"by admin": "UPDATE"}
be30b0b50d4f94f007dbb41e3d16a7222751473889af8287ab60c6ad23feaac3	database	grant	foreign data wrapper wrapper to admin	{"by admin": "USAGE"}
48cb1201d3d5bbcc68ec52bf600030913f51315c72296f62d24a885edc69feac	database	grant	foreign table app.remote to admin	{"by admin": "DELETE, INSERT, REFERENCES, SELECT, TRIGGER, TRUNCATE, UPDATE"}
fb4c77c703118bc66c6d0506995faafd3dbad09a265ee19634d29035d6c1b877	database	grant	function app.add(integer,integer) to admin	{"by admin": "EXECUTE"}
ebbb4ccf77cffd096af5d8eb2afe87622a48eba7e36c02495527c59021662bdb	database	grant	function app.add(integer,integer) to public	{"by admin": "EXECUTE"}
3621a66b2712825c454e0e08de2db8d0eb5e9afa215a335ec1934989083bb0c7	database	grant	function app.add(text) to admin	{"by admin": "EXECUTE"}
da96b261fa73eb9ff2548947a55cb9eff928f44297690f735efed4b1ecf48667	database	grant	function app.add_pair(app.pair) to admin	{"by admin": "EXECUTE"}
80fa1e8c0b82aa5b35b23b7b5240a30dfddd284fd46d56e9e581fcb08ab0b4f0	database	grant	function app.add_pair(app.pair) to public	{"by admin": "EXECUTE"}
77c0e16528a0e03fafae7f30c9fd0ebb1698ef93011dcd07d281686440fa73c5	database	grant	function app.span(double precision,double precision) to admin	{"by admin": "EXECUTE"}
3f86763484e31664b758f595457fce86a0db2699dda017c97f6ed735dfbb9b70	database	grant	function app.span(double precision,double precision) to public	{"by admin": "EXECUTE"}
33b90cfbfa6f53028ac49c8be913a1a10d0e71b8b30762ec53aef1632f9f3450	database	grant	function app.span(double precision,double precision,text) to admin	{"by admin": "EXECUTE"}
b135349e9cdcf27d20a8246f02c6d0e0c6c2492640e0c8e4ada0aedc8b42eb27	database	grant	function app.span(double precision,double precision,text) to public	{"by admin": "EXECUTE"}
344d2051b2c387ab6b4be911b3726c94e8a240903354185cbe3cee0f682a72c0	database	grant	function app.span_multirange() to admin	{"by admin": "EXECUTE"}
f9d19e12759351da90e50d1feb3e5f30d89b6821fbd59b1619444ead5b49f3d5	database	grant	function app.span_multirange() to public	{"by admin": "EXECUTE"}
6d4e62ff7a9b15a2cbaebb91eef4f24d3df98aeffe7d3f4151b21666768f3dd1	database	grant	function app.span_multirange(app.span) to admin	{"by admin": "EXECUTE"}
5131ac9c63da51cbf54f73006c51b5d20c127b667d64d2219cc975edcd099474	database	grant	function app.span_multirange(app.span) to public	{"by admin": "EXECUTE"}
2ad88f2769068971351dac4813071bf4a1ea86995b8d9c7f6f303dde1fd1b9a1	database	grant	function app.span_multirange(app.span[]) to public	{"by admin": "EXECUTE"}
d017ad689b6a54019bc2f8fd343a9f722c91929e07761b28ae0833280870dc74	database	grant	function app.stamp() to admin	{"by admin": "EXECUTE"}
4fb7754d6ec63c45632114275084f2d625dcdd69a1978d937c6cdc6363b9d336	database	grant	function app.stamp() to public	{"by admin": "EXECUTE"}
4ff6dc44a777fa3d269314c9f9af8adcaca20559d0b3fa114c93b5465d69bf52	database	grant	function app.watch() to admin	{"by admin": "EXECUTE"}
689d0ee73157076d85f5f7f8661d66a0ec2e585449660ee354296f233540f794	database	grant	function app.watch() to public	{"by admin": "EXECUTE"}
3996e559363e06474c33185fe3d980248270b2a0ab3dfa256f0a12fd30a9cefd	database	grant	language c to admin	{"by admin": "USAGE"}
17f0dad033fbcaabac335a79fb6330fe09d7496f8a9a9e41ac73736776d58cbe	database	grant	language c to public	{"by admin": "USAGE"}
762be0edda6f4ac8b50c4b726546577fc6b0f9cb6bd9da4bb5c88c969edd866a	database	grant	language internal to admin	{"by admin": "USAGE"}
02fd02a96d65ab6cdabc98d7bfe7f3e88c64dd07a1ff452a521403a4a5c166cb	database	grant	language internal to public	{"by admin": "USAGE"}
992658467636338d71cca43eb58faa898e683ece3aa2c65f17b14621542f0b00	database	grant	language sql to admin	{"by admin": "USAGE"}
40fc94ac531c30e72413b9d96c16158029ecc52e0aec1c23b610c6435928e554	database	grant	language sql to public	{"by admin": "USAGE"}
f706fefc13ede164056f0d97acb95b24d412dd573eb8a0019a83347acd098cd1	database	grant	materialized view app.totals to admin	{"by admin": "DELETE, INSERT, REFERENCES, SELECT, TRIGGER, TRUNCATE, UPDATE"}
d183e8f94900ab2a6d1dfc25d7f4f6513d90b95fa8ad2f49191b2ad0f9bfcb34	database	grant	procedure app.nothing() to admin	{"by admin": "EXECUTE"}
9ad55a6690f63cecb85c180569530b814d3e732309c3be4100438287f98009c0	database	grant	procedure app.nothing() to public	{"by admin": "EXECUTE"}
725b721f7e2ab9eba18c21ddcf93097762f1e824ca3b7a6d0bbb2ae2bbec5969	database	grant	schema "Odd Name" to admin	{"by admin": "CREATE, USAGE"}
33e2f858950553ca408e4a801313938041a7f8707683e3dc8297aaaf9b0b4387	database	grant	schema app to admin	{"by admin": "CREATE, USAGE"}
f668616c2c17311dc1bbd73fbc118b3b5181d8d4f466fcaae993845f82039c93	database	grant	schema app to anon	{"by admin": "USAGE with grant option"}
42af347dab41d656930451271ea1b10f52cfb70b0968affa1c6f5fd09b9eeaaf	database	grant	schema public to pg_database_owner	{"by pg_database_owner": "CREATE, USAGE"}
edd9587c8296423e8492f26e4c2c1d0f3e372dbb8551c7d1848436816f9e6f5b	database	grant	schema public to public	{"by pg_database_owner": "USAGE"}
cb2fc6d166df375c6ca342d0b6b15025058475e8f3565f0c285405e2c551a08f	database	grant	sequence app.child_id_seq to admin	{"by admin": "SELECT, UPDATE, USAGE"}
104d32e3ed5ed1c07a98304910688d12e1e59a4be12bc16ef629472edfb09c93	database	grant	sequence app.counter to admin	{"by admin": "SELECT, UPDATE, USAGE"}
422678c8d654e958f9286065c9f3be83c664ac682c23c13c57cc49dd930ca795	database	grant	sequence app.parent_id_seq to admin	{"by admin": "SELECT, UPDATE, USAGE"}
d80766420c6b8d4d2400797e1e39a8575c14360568b649d39bd6678958acab32	database	grant	server far to admin	{"by admin": "USAGE"}
4c732f57451d4074cf8971bd749d74527e4bbf87818045805f1df21e517aac37	database	grant	table "Odd Name"."Odd.Table" to admin	{"by admin": "DELETE, INSERT, REFERENCES, SELECT, TRIGGER, TRUNCATE, UPDATE"}
6a982f86ef23536112a2e76600d99e7f2d4f8b84f3fa04f803e83ee9f02c210a	database	grant	table app.child to admin	{"by admin": "DELETE, INSERT, REFERENCES, SELECT, TRIGGER, TRUNCATE, UPDATE"}
12bfc90d5172ea81f6206be9eb672ca8e5362dd48812e54066a2abf4ede532b5	database	grant	table app.fast to admin	{"by admin": "DELETE, INSERT, REFERENCES, SELECT, TRIGGER, TRUNCATE, UPDATE"}
4739bda5e7e0b603bde5df8d0f998820d9be2c10a3d6d754a0d8c907b837f47e	database	grant	table app.inherited to admin	{"by admin": "DELETE, INSERT, REFERENCES, SELECT, TRIGGER, TRUNCATE, UPDATE"}
00eb166215e41ec5b1fbc045ef7b3639f903523b2ccd536c6180725dfa9f2e24	database	grant	table app.parent to admin	{"by admin": "DELETE, INSERT, REFERENCES, SELECT, TRIGGER, TRUNCATE, UPDATE"}
0603151a906d2ced642308b704682cafd35742cccca0fd3e59fe3948ed5af032	database	grant	table app.parent to anon	{"by admin": "SELECT"}
8e9431e0a2bfff1ad98d65730bd7b77813fd815b1b0bc46e1b1f23e2cec07345	database	grant	table app.part to admin	{"by admin": "DELETE, INSERT, REFERENCES, SELECT, TRIGGER, TRUNCATE, UPDATE"}
3e1d617dd378f269fcc5b5ea726271aeaac1173c927b05f93327ea1f3f198a10	database	grant	table app.part_1 to admin	{"by admin": "DELETE, INSERT, REFERENCES, SELECT, TRIGGER, TRUNCATE, UPDATE"}
dcb8874cd058bac7d93ec4fc46232622a1c4a00bc5e3fdbfd2217b9a7b9c8c97	cluster	grant	tablespace pg_default to admin	{"by admin": "CREATE"}
7e64445f19181894da87dd6f9500c4f20318ad8095284dc3682dafc9d9e5e550	cluster	grant	tablespace pg_global to admin	{"by admin": "CREATE"}
342534b34d95b698cb3079af85753bbbadb947f1c11552542459666b9e78c0fb	cluster	grant	this database to admin	{"by admin": "CONNECT, CREATE, TEMPORARY"}
0866af0d3fa5604921e2668a3449cc97b608275af6390de4c74aeec38aae105e	cluster	grant	this database to public	{"by admin": "CONNECT, TEMPORARY"}
1fb57217465b9b1ef42b77bcfd0f772ea2144e86ca2fe044b609047abc8eba38	database	grant	type app.mood to admin	{"by admin": "USAGE"}
76b409d500a1acf442f1d61ee93ba94e39d8d01d61c94fb4268a7a74c9f35d52	database	grant	type app.mood to public	{"by admin": "USAGE"}
9ef0072eef989e36afb225e68a38e90bf266dbed82f45d8f553d6edd89b76ca3	database	grant	type app.pair to admin	{"by admin": "USAGE"}
2cbce1efa3f4a0c6012ba3299040a8477d5ba8247e0e021fdd43a87567fe0ecf	database	grant	type app.pair to public	{"by admin": "USAGE"}
a151c39a236aa15562fe526af2080f64e67d58d6d6d39f618e4595f6d5cc0f96	database	grant	type app.short to admin	{"by admin": "USAGE"}
b069714dc1b471da71a198badebc42b9ac26a8354499b34337a9da86a5333d23	database	grant	type app.short to public	{"by admin": "USAGE"}
6a8ed5728c2f931ea90d9d53d1c2ad78709f608673c6bb7a74ead6bf415e992e	database	grant	type app.span to admin	{"by admin": "USAGE"}
1b29380ccb2d6d9c0c0b3d2c683782f4358901dd98a9f9ee7aadb423b5ea86e9	database	grant	type app.span to public	{"by admin": "USAGE"}
ebb30e82d755cb43ecb850e22b26191ffc590f64b687c30e774b6f0a28aafb2b	database	grant	view app.mine to admin	{"by admin": "DELETE, INSERT, REFERENCES, SELECT, TRIGGER, TRUNCATE, UPDATE"}
f7164b8b5e4c08f9cac50384af9fd5bb8bac3354c585ff7b77965ffb85515573	database	grant	view app.mine to anon	{"by admin": "SELECT"}
10d6aca1acda124b4e960c10ebe061b1f388e083b8bc21207ae221600b8d5c62	database	grant	view app.names to admin	{"by admin": "DELETE, INSERT, REFERENCES, SELECT, TRIGGER, TRUNCATE, UPDATE"}
4608e3b52c0f43cdaeec01eeca8d570002bfd188197081870df38e096904f0bf	database	index	app.child_amount_parent	{"definition": "CREATE UNIQUE INDEX child_amount_parent ON app.child USING btree (parent_id, amount)"}
fbe100d34b8c399b6b6e44e213cf8faf9e563c9cd30ba767528a65c5713bb82a	database	index	app.child_pkey	{"definition": "CREATE UNIQUE INDEX child_pkey ON app.child USING btree (id)"}
60160ac284e83f00c5a71730ae6b442898608643b3de1dd02b3000806ce5d235	database	index	app.parent_lower	{"definition": "CREATE INDEX parent_lower ON app.parent USING btree (lower(name))"}
fe96796812ca26cf424823544a7adcc3e7fd7f1af87ec509b753c2d205cd95ce	database	index	app.parent_mood	{"definition": "CREATE INDEX parent_mood ON app.parent USING btree (mood) INCLUDE (note) WHERE (note IS NOT NULL)"}
6ee92c11acc6f391aa35ae4ec68f146e923dd442aeeb54e102531caf3fbfb83c	database	index	app.parent_pkey	{"definition": "CREATE UNIQUE INDEX parent_pkey ON app.parent USING btree (id)"}
f529e8534527afadea455a65d2f66db80ad101290c4a84f004a7a30e7cd54d56	database	index	app.part_1_day_idx	{"attached to": "app.part_day", "definition": "CREATE INDEX part_1_day_idx ON app.part_1 USING btree (day)"}
ce4e48ec50ccacf246bbc4274d0f72ffcef900a55e5729e98b151b38cf37653a	database	index	app.part_day	{"definition": "CREATE INDEX part_day ON ONLY app.part USING btree (day)"}
acf6c9358d6d683571250904cef52e3f08f00bc03b815ca155d01f0f14d9ac0d	database	index	app.totals_parent	{"definition": "CREATE UNIQUE INDEX totals_parent ON app.totals USING btree (parent_id)"}
52f37680e6508d6a3757b7b9845f8e9abbea35d0793309c4a68b60f6b33b2567	database	materialized view	app.totals	{"definition": " SELECT child.parent_id,\\n    sum(child.amount) AS total\\n   FROM app.child\\n  GROUP BY child.parent_id;", "owner": "admin", "populated": true}
914f799941f116db92dd34cc4beb7f78c642d4e05d391664c2beda0c99f00419	cluster	membership	member in anon	{"by admin": "no admin"}
4911f6f571302deb9a7e4f372acdfc6ed89c29d18e146b16c27672e9cc383b33	database	operator	app.|+|(integer,integer)	{"function": "app.add", "owner": "admin", "result": "integer"}
caa5e68db01ab97f7891814153fd0794853cd3bbde591b7ce080bad121b50424	database	operator family	app.family using btree	{"owner": "admin"}
ee1e7d9026cf729a00eb3b2adcf3cfc956a5a89bc36a51a4795ff7d01c53043c	database	policy	app.parent.reads	{"command": "select", "roles": ["anon", "member"], "using": "(note IS NULL)"}
eca37529e65b471b655b1de71c97167bab44e994a59ca89a54638e7c94f02b81	database	policy	app.parent.writes	{"command": "update", "restrictive": true, "roles": ["public"], "using": "true", "with check": "(note <> ''::text)"}
289dbb455420a6e9e75e720d94cfc24cef98b0056e211b970393ccd3153f1013	database	procedure	app.nothing()	{"definition": "CREATE OR REPLACE PROCEDURE app.nothing()\\n LANGUAGE sql\\nBEGIN ATOMIC\\n SELECT 1;\\nEND\\n", "owner": "admin"}
d98502a726dba738b107002597248cb321d38eb54a0bea4af67f69a56971127b	database	publication	everything	{"owner": "admin", "pubdelete": true, "pubinsert": true, "pubtruncate": true, "pubupdate": true, "tables": ["app.child", "app.inherited", "app.parent"]}
628420d8505a808fb3842a2ebe9a17190b8cf74c7eba4607b37c30e167703b51	database	publication	few	{"owner": "admin", "pubdelete": true, "pubinsert": true, "pubtruncate": true, "pubupdate": true, "tables": ["app.parent (id, name) where (id > 3)"]}
0579c707a5fc796cda91220727e2cc489f67a886ac9353e3998adc879d059325	database	publication	schemas	{"owner": "admin", "pubdelete": true, "pubinsert": true, "pubtruncate": true, "pubupdate": true}
28a41f68ef49d9f260e30b48facc107c74f7f0aa747b7d3245bdc70fd8f1f623	database	publication schema	app of publication schemas	{"present": true}
8ee665f8b80bd9d91385744e407b9278438b3ccf5988e78db1fc215d6ac60535	cluster	role	admin	{"bypass row level security": true, "create database": true, "create role": true, "inherit": true, "login": true, "replication": true, "superuser": true}
5662f96283d7a9ac2daf1fad9e1b649443b9beb76ebb85cf0f91e18d2218bb29	cluster	role	anon	{"inherit": true}
0eef5302ccf614627a5f2e8b0ce98d883a0f76fc23216447c2ec20609255f56a	cluster	role	member	{"inherit": true}
626e158468472db2e71880cc45f1b225412454f12eb766198803d88d8bbe289d	database	rule	app.fast.ignore_delete	{"definition": "CREATE RULE ignore_delete AS\\n    ON DELETE TO app.fast DO INSTEAD NOTHING;", "fires": "normally"}
4d0244759b6f0e837dd4bc41152dacc0dea0d832c455b881e55ee0c0c7d28f1f	database	schema	"Odd Name"	{"owner": "admin"}
b5f9f8d1405c3c46f2042d95a6453673dac0f450b45ce9638d87fc6594bc369d	database	schema	app	{"owner": "admin"}
6c003923949bac3821b412d8ef5c1d1bd32d89ce7476cd8beeaeee1e820cacc6	database	schema	public	{"owner": "pg_database_owner"}
18a800bd9efe42780305f47a92ddb16b0e5884fe7156b9b0a4f751273a57fe77	database	sequence	app.child_id_seq	{"cache": 1, "increment": 1, "maximum": 2147483647, "minimum": 1, "owned by": "app.child.id", "owner": "admin", "start": 1, "type": "integer"}
fd77b8416f7b8cde52599a2337a5385e7cbffbd46ca4e81c8844ceba1cb40f40	database	sequence	app.counter	{"cache": 1, "increment": 1, "maximum": 9223372036854775807, "minimum": 1, "owner": "admin", "start": 1, "type": "bigint"}
6d1fac24692214c4a70517cf2b2fc8be4693bd4a47c4300c83add26a5b33c613	database	sequence	app.parent_id_seq	{"cache": 1, "increment": 1, "maximum": 9223372036854775807, "minimum": 1, "owned by": "app.parent.id (identity)", "owner": "admin", "start": 1, "type": "bigint"}
a72ef1ae642cd60c733613555aea9d4a3a47088d6d6cc477d4254f49d821ba68	database	server	far	{"options": ["host=nowhere", "password=(hidden)"], "owner": "admin", "wrapper": "wrapper"}
1b67d0fe268375a5f8842581fa5e1a3543d668a8196fc46e07c575d8b1c996b5	cluster	setting	role member: work_mem	{"value": "8MB"}
1166d768e56606f6051d4f7eae5bb621124a39810e7790795679bed0e08e4496	database	statistics	app.parent_stats	{"definition": "CREATE STATISTICS app.parent_stats (ndistinct) ON name, note FROM app.parent", "owner": "admin"}
0ddf995d7e3a536312260fb96bd560b8a1e66b6cefc398c5fabc3835d26ee1d7	database	table	"Odd Name"."Odd.Table"	{"owner": "admin"}
1239e7dd1eed349ea9dc05e7c3ae7a5a4d915d03997c7ef5b4a9b798fb3e0ff6	database	table	app.child	{"owner": "admin"}
20fd6a19bae95d6837387186ead2e8f89c66ddf2aab5707cbabee30467b178b3	database	table	app.fast	{"owner": "admin", "persistence": "unlogged"}
f9a22843230ff2ff50772cda98a5e6109216001be848b1daf09f4a71f9d3882c	database	table	app.inherited	{"inherits": ["app.child"], "owner": "admin"}
fb2278e0a0a0cf0df71eba1cbec0d1b55c2bf3086c77ed748c7d0453a76ad449	database	table	app.parent	{"options": ["fillfactor=70"], "owner": "admin", "row level security": true}
c8d27a81f9358d4d4ec7a523dbb5b2e2a5477b38c1960c5255b592bb21464aea	database	table	app.part	{"owner": "admin", "partition key": "RANGE (day)"}
42413b97b25f63ef726e00c069fe4694290654617b8da29ddf36b0fd97150b7e	database	table	app.part_1	{"inherits": ["app.part"], "owner": "admin", "partition bound": "FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')"}
d1b716b75fe811915c8fe67fb76cf4c889843afa65f00214710d25b343e98a73	database	text search configuration	app.search	{"mappings": {"1": "english_stem", "10": "english_stem", "11": "english_stem", "15": "simple", "16": "english_stem", "17": "english_stem", "18": "simple", "19": "simple", "2": "english_stem", "20": "simple", "21": "simple", "22": "simple", "3": "simple", "4": "simple", "5": "simple", "6": "simple", "7": "simple", "8": "simple", "9": "simple"}, "owner": "admin", "parser": "default"}
a42e8446f6a0e5be2b1ee89acd117122d4863d62d26d19247199c71fdaf5959f	database	text search dictionary	app.plain	{"owner": "admin", "template": "simple"}
b4ae6a3492a73367337b44496280a2055c6b7d8fd8285968f297ac1e83d3901b	database	trigger	app.parent.stamp	{"definition": "CREATE TRIGGER stamp BEFORE INSERT ON app.parent FOR EACH ROW EXECUTE FUNCTION app.stamp()", "fires": "normally"}
aab8200a92b6bf283f3050ee1db589e9198b85bd64281e3f00ff63d59d165c89	database	type	app.mood	{"enum": ["sad", "ok", "happy"], "owner": "admin"}
4e6a197825e1ba130aa23becbe812baf40301bae889e71a749a10eeac0a8a29a	database	type	app.pair	{"composite": ["a integer", "b text collate pg_catalog.\\"C\\""], "owner": "admin"}
2990e60aa5231cfaefa348d33d1f494ad163ea785ccf8bc5d8f61afb588051e4	database	type	app.short	{"default value": "'x'::text", "domain over": "text", "owner": "admin"}
7e26d9b9838e946fab9663a829795b91cb14e6870c3a1ce759d743061d2fd287	database	type	app.span	{"multirange": "app.span_multirange", "operator class": "pg_catalog.float8_ops", "owner": "admin", "range over": "double precision"}
13da9cf5771933f6fab835a4abb557f116e07bd3224043710daa8f92eacf056a	database	user mapping	member on server far	{"options": ["password=(hidden)", "user=u"]}
bd3697f016591e5e7a8f74248799cb86e47c4f387ac35d6c6396db407379a347	database	view	app.mine	{"definition": " SELECT parent.id\\n   FROM app.parent;", "options": ["security_invoker=on"], "owner": "admin"}
ddd993503ed120ca7cea3f5becd71d40c89e9478fdfd4ed4f372a2b3f2d0fcb4	database	view	app.names	{"definition": " SELECT parent.id,\\n    parent.name\\n   FROM app.parent;", "owner": "admin"}
b57b21c4cf290be7f37f4ffeb8d604cd1bcf2153483ab911f0071c8e3cc4bbfc	database	column	app.parent.priority	{"default": "0", "not null": true, "position": 8, "type": "integer"}
ac36dbefe3f18ae2f409934ce62dad3242e62feae1a97cc3cefcc24b6b69ff3d	database	index	app.parent_priority	{"definition": "CREATE INDEX parent_priority ON app.parent USING btree (priority)"}
\.


--
-- Data for Name: deployment; Type: TABLE DATA; Schema: deploy_ledger; Owner: -
--

COPY deploy_ledger.deployment (id, dag_id, airflow_run, host, actor, conf, folder, folder_versions, fence, good_until, phase, state, started_at, ended_at) FROM stdin;
1	deploy_migrations	run 140353266291904	vm/2006	tester	{}	/var/tmp/h-fresh/kept/migrations@sha256:83161181e0684088	{}	1	2026-11-29 14:28:18.377205+00	report	deployed	2026-11-29 14:18:18.371321+00	2026-11-29 14:18:18.594428+00
\.


--
-- Data for Name: evidence; Type: TABLE DATA; Schema: deploy_ledger; Owner: -
--

COPY deploy_ledger.evidence (id, deployment_id, attempt_id, version, location, kind, name, outcome, detail, recorded_at) FROM stdin;
1	1	1	20250101000000	target	check before	every_index_is_valid	passed	{"name": "every_index_is_valid", "rows": [], "error": null, "found": 0, "columns": ["invalid_index", "definition"], "outcome": "passed", "seconds": 0.0024614490000089972}	2026-11-29 14:18:18.458183+00
2	1	1	20250101000000	target	lints before	findings there already	5	{"keys": [["function_search_path_mutable", "app.add(integer,integer)"], ["function_search_path_mutable", "app.add(text)"], ["function_search_path_mutable", "app.add_pair(app.pair)"], ["function_search_path_mutable", "app.stamp()"], ["function_search_path_mutable", "app.watch()"]]}	2026-11-29 14:18:18.476894+00
3	1	1	20250101000000	target	check	every_index_is_valid	passed	{"name": "every_index_is_valid", "rows": [], "error": null, "found": 0, "columns": ["invalid_index", "definition"], "outcome": "passed", "seconds": 0.000712276000001566}	2026-11-29 14:18:18.49417+00
4	1	1	20250101000000	target	access	20250101000000_add_priority	unchanged	{"asked": 0, "cells": [], "kinds": [], "notes": [], "shown": [], "against": [], "changes": [], "seconds": 0.0, "verdict": "not proven: catalog facts only, rows were neither compared nor sampled", "subjects": 0, "differences": []}	2026-11-29 14:18:18.531188+00
\.


--
-- Data for Name: measurement; Type: TABLE DATA; Schema: deploy_ledger; Owner: -
--

COPY deploy_ledger.measurement (sample_id, measure, problem, failed, rows) FROM stdin;
\.


--
-- Data for Name: planned_migration; Type: TABLE DATA; Schema: deploy_ledger; Owner: -
--

COPY deploy_ledger.planned_migration (deployment_id, "position", version, stem, name, title, sql_hash, bundle_hash, sql, rollback, rollback_source, rollback_proven, risk, access, manifest) FROM stdin;
1	1	20250101000000	20250101000000_add_priority	add_priority	add priority	a5eded9ade18b802c356ad20991e12cf27b4a92b09732fe2a9c61a9d59492d41	f72b8e27fb3b3db35827933ccbe1e9b9e0bf796e9f7eb647768d622fab9a1407	alter table app.parent add column priority integer not null default 0;\ncreate index parent_priority on app.parent (priority);\n	drop index app.parent_priority;\nalter table app.parent drop column priority;\n	written	f	low	unchanged	{"risk": "low", "allow": [], "hints": {"apply": null, "verify": null, "rollback": null}, "title": "", "access": "unchanged", "impact": "", "criteria": {}, "rollback": null, "benchmarks": {}, "holds_lock": null, "after_rollback": "", "rollback_reason": "", "expected_duration": null, "requires_extensions": []}
\.


--
-- Data for Name: refresh; Type: TABLE DATA; Schema: deploy_ledger; Owner: -
--

COPY deploy_ledger.refresh (id, view_name, started_at, duration_ms, online, problem) FROM stdin;
\.


--
-- Data for Name: revision; Type: TABLE DATA; Schema: deploy_ledger; Owner: -
--

COPY deploy_ledger.revision (number, made_at) FROM stdin;
1	2026-11-29 14:18:18.366616+00
\.


--
-- Data for Name: sample; Type: TABLE DATA; Schema: deploy_ledger; Owner: -
--

COPY deploy_ledger.sample (id, taken_at, airflow_run, server_start, deployment_id, judged_at) FROM stdin;
\.


--
-- Data for Name: snapshot; Type: TABLE DATA; Schema: deploy_ledger; Owner: -
--

COPY deploy_ledger.snapshot (id, attempt_id, deployment_id, moment, location, fingerprint, server_version, fact_hashes, taken_at) FROM stdin;
1	1	1	before	target	b97a10bae12e198e31436bc604ea82e29c0d153c8e458f00522520faab42ec90	150018	{d35c1b84a1c182c27de7d78cc6d9a8b3cdf2119ad1f4d34f01cbfb667fd95f3f,8a2bcc6143f05138d1be8069f72ddba2a660f5efbd2711de9ba26a198fe00813,103c9c8fb31fa67410e2c81d985ef5317b243b214bf96952080dfe096bbf7df0,70484a4616e3f6402b009cb73ec7f7aac3caadd7ace26e58ffdf3a3edb005307,800e1d1bbbb435bf41a87c1abd4c6f09e4826fa2881b46116c65907ec61a0904,855b806370bc916360a99f78e65365a776acfb1d6dad77f8582d1e2f8ddc46ba,cfead3bb7df124ec4b000b302368c556939bcc83018c860f3e0d06f554d7acf8,19da928e727042b2b00196001a3d01ac07dc444e5551625e32d7c1f596de6f7e,da03a74f41089991715759d6dd81d97c5060d36c13ced1a574a8762aab3217ac,ed37e1bcbd4c636213b5d148ea50b005250f15ef5915da00dd863f7569a5138d,9d88a8084302b0e4c69239b550a6bb84d9d516ef03c46bbf37b2d686689fb633,aa9e335da7d6241db72459912799ae324509e3ba889862cd01321561e217f124,7710c7c93232b9c05ce91ecc6888260e454533f9b787ae72d7bf6ce3621c4e79,7259d9f48ad7caa0bb06cae0f243dedf5f9ed3e677547eca36c3695568bf6abe,2e223344d64274eae1015fb85956af3963ad4de977a4f9465d1f7e969a6e39cd,5d51186c652130993c9648067baf0237fc2e6f1c1238047af62126de9414b0a6,3b8571c167a89f0d356ca650a6244864a9dfe438b8dfadaa8064508c06790de4,761de7fdc4f14ccbcfd199dc7504bfff76d1bf1c9094bb39940732f4dd6f8e09,cd3ce2fc391a23ad8185499e89a0e5750366dc083f3ab2adbe99dbb1749855d1,6e2bc5059e0591a518c1596b7e3f12ca5eb9b1f2f610e5d2fed7c7384690c428,de4a080a62a2e7f3155409db138a1befbded1203141eda8a9e5dc1fc0b721ee3,41b63e41ab478ce58696df764155d1a9b53e802b694c564bc81babac370f9a82,1c5b502496fe7db759798d0b0b40ca4f1a84c86519886dedc1a0246a033fb7e6,8920e2e14ef81b210510ad071c400c560f2ee861ee65f9a24b2f4e9d5bbeb1a2,ff890d121bc4520d1dbce549b15ca73f8349226319c1f4d713e3aeda994839dd,a7d8c6e6b4d9cd53e3d6e14842ab7ba603869e62319d8e5de9fe61cc8e17d8b7,7a7b5bdbf70e003a2d7698fb048a1bf920cd1715a0c9a06028982e5be0edda2e,44704451d9f430ee4df7cfb7b2a270499c28301f49df218ff7a6120c11639287,a8164e9ebb0c0911fcdbf9ba9a08aafc5e010f7c472e6800d60219dc323e363d,5e116152345fa355c044cb5279b2a7535517c6729688fd323ed6b9838b849303,25005982642fff209400cd82ba930b9e1d3bf902dbaae3febd66ad27efe18447,936f697f96ec3d392b2137b8c0369a28239f82a88a86cf13a0a0fad266c5e67e,e0353eb994d03c9ff0ae0337cd1a04d2a17c16ed3a0f31af3e2e437159d29f86,b95424183ae5dca8d0ce80efcd7cd1e01beefb684189b49db57675693f05bd80,f0d5b6e2c6cfb6c78980be932622d6c000e7714796222c9753b9d225e98d7ef5,dc2c4ff366194e7f9d44cfb2478c87dce7be6538519999533a57bace1653655e,d63c8ce4e460dd35b8dcd051c703edd680f7055f74ccf8e5057e7e011af5420c,e045f411c3db0d6e8b1dfb6ef212744b234683e8b962d83ccbf6b53dcabef423,d02032a4cd53b24a7006f9036ef31898eb9b7b5d8f65a727c981239e1a3a145f,13d45a0e1aee0a0f02839a8c481328992f47aaefe303ff45f62019570bb69abf,0faa6d72cd59f52abdd2024dcee13946790ec58662b8df7ff685f0672276d9da,5f4aa9849e3a72bcf074405ff2e17f150609e18ac501730c2152bc0fa61bc845,4a1a64f5fcf0e76adfe8889ff723cbf10991f68c63d5473f0315ff2b49c5cb19,51d42423b42ee2af0d414404abe04c24d0158778fd6f35ef193925961e95db51,057f934d1cfa6421f292061dfcc1a15b28df17523beb91758aa0d96debfc31f1,d9793c0c28e07a24fbe79ca2b578267a508d599deb7c3314558cadc78479ec82,3ddc9d16ef16bc1ed7112a89f2712aaf92ce43a4592a0aad4c0006a67857a0b2,995fb9052b90c7bff1d6dd0a6d1c5baceb9afdaee7a15f73172a632777bdba5a,9bfbd38acaa5b819df2192ff8a2512a5397cc3c44b5b5c33bb68bbe9d1114dbd,ca47e141d27445ed7a46ed7be1ab3a5fcd7ed5afa8f581b1eba4d4f4628ab719,4629470d6732323b119e8761419e765efec0f99ac6a46b054280ef77ec583887,a4752a5cc6332e9bcb61c65122a119379eddf952b3d676e55bc9c8f54b4023a4,12265e765605b088e4b0ea6a78b2c32a8c638ff9484b5d05326825990ff4ad3a,9f9d90e079e36486d2abfa4bd57a7f528d8d663bf49149e9abbc760444503e5f,47c3e8f35065059cfbe29a79e43ff3f5e408b55286cab30d24cc5fb27478e067,4e82185eee37e01cf46bc1006810a828cbe03526264be7799ad9349a0861db6a,691c4a9411eb9e8f20bfeae275f30c973c9601fc7f11ee2cec1f28fcb4cfa424,7ef4aadd99b9e501223961b6d0b566387b1a97099239fda372b24c1ddf70f1e1,3f196200c35640ab02e06f08fad7a1df0a437785c1b9ca1fef4c9e5583e3ca14,48797296f59dd3e789080e0f346fb6ef14829c03fe973e6501d1276b025a3b6f,5d4823e75227d8acafbc5999a078ae1c697fa1c08156ab2a3a89cbfc827a8920,c3dd063ad307ba6a9bdc6c8c87bbd656d5fe12127f8462643eabc080ae70b598,be30b0b50d4f94f007dbb41e3d16a7222751473889af8287ab60c6ad23feaac3,48cb1201d3d5bbcc68ec52bf600030913f51315c72296f62d24a885edc69feac,fb4c77c703118bc66c6d0506995faafd3dbad09a265ee19634d29035d6c1b877,ebbb4ccf77cffd096af5d8eb2afe87622a48eba7e36c02495527c59021662bdb,3621a66b2712825c454e0e08de2db8d0eb5e9afa215a335ec1934989083bb0c7,da96b261fa73eb9ff2548947a55cb9eff928f44297690f735efed4b1ecf48667,80fa1e8c0b82aa5b35b23b7b5240a30dfddd284fd46d56e9e581fcb08ab0b4f0,77c0e16528a0e03fafae7f30c9fd0ebb1698ef93011dcd07d281686440fa73c5,3f86763484e31664b758f595457fce86a0db2699dda017c97f6ed735dfbb9b70,33b90cfbfa6f53028ac49c8be913a1a10d0e71b8b30762ec53aef1632f9f3450,b135349e9cdcf27d20a8246f02c6d0e0c6c2492640e0c8e4ada0aedc8b42eb27,344d2051b2c387ab6b4be911b3726c94e8a240903354185cbe3cee0f682a72c0,f9d19e12759351da90e50d1feb3e5f30d89b6821fbd59b1619444ead5b49f3d5,6d4e62ff7a9b15a2cbaebb91eef4f24d3df98aeffe7d3f4151b21666768f3dd1,5131ac9c63da51cbf54f73006c51b5d20c127b667d64d2219cc975edcd099474,50262ddb2de6b44e481d71da91f932b06f22d6daa6b381a03c05e5930b2d0aba,2ad88f2769068971351dac4813071bf4a1ea86995b8d9c7f6f303dde1fd1b9a1,d017ad689b6a54019bc2f8fd343a9f722c91929e07761b28ae0833280870dc74,4fb7754d6ec63c45632114275084f2d625dcdd69a1978d937c6cdc6363b9d336,4ff6dc44a777fa3d269314c9f9af8adcaca20559d0b3fa114c93b5465d69bf52,689d0ee73157076d85f5f7f8661d66a0ec2e585449660ee354296f233540f794,3996e559363e06474c33185fe3d980248270b2a0ab3dfa256f0a12fd30a9cefd,17f0dad033fbcaabac335a79fb6330fe09d7496f8a9a9e41ac73736776d58cbe,762be0edda6f4ac8b50c4b726546577fc6b0f9cb6bd9da4bb5c88c969edd866a,02fd02a96d65ab6cdabc98d7bfe7f3e88c64dd07a1ff452a521403a4a5c166cb,992658467636338d71cca43eb58faa898e683ece3aa2c65f17b14621542f0b00,40fc94ac531c30e72413b9d96c16158029ecc52e0aec1c23b610c6435928e554,f706fefc13ede164056f0d97acb95b24d412dd573eb8a0019a83347acd098cd1,d183e8f94900ab2a6d1dfc25d7f4f6513d90b95fa8ad2f49191b2ad0f9bfcb34,9ad55a6690f63cecb85c180569530b814d3e732309c3be4100438287f98009c0,725b721f7e2ab9eba18c21ddcf93097762f1e824ca3b7a6d0bbb2ae2bbec5969,33e2f858950553ca408e4a801313938041a7f8707683e3dc8297aaaf9b0b4387,f668616c2c17311dc1bbd73fbc118b3b5181d8d4f466fcaae993845f82039c93,42af347dab41d656930451271ea1b10f52cfb70b0968affa1c6f5fd09b9eeaaf,edd9587c8296423e8492f26e4c2c1d0f3e372dbb8551c7d1848436816f9e6f5b,cb2fc6d166df375c6ca342d0b6b15025058475e8f3565f0c285405e2c551a08f,104d32e3ed5ed1c07a98304910688d12e1e59a4be12bc16ef629472edfb09c93,422678c8d654e958f9286065c9f3be83c664ac682c23c13c57cc49dd930ca795,d80766420c6b8d4d2400797e1e39a8575c14360568b649d39bd6678958acab32,4c732f57451d4074cf8971bd749d74527e4bbf87818045805f1df21e517aac37,6a982f86ef23536112a2e76600d99e7f2d4f8b84f3fa04f803e83ee9f02c210a,12bfc90d5172ea81f6206be9eb672ca8e5362dd48812e54066a2abf4ede532b5,4739bda5e7e0b603bde5df8d0f998820d9be2c10a3d6d754a0d8c907b837f47e,00eb166215e41ec5b1fbc045ef7b3639f903523b2ccd536c6180725dfa9f2e24,0603151a906d2ced642308b704682cafd35742cccca0fd3e59fe3948ed5af032,8e9431e0a2bfff1ad98d65730bd7b77813fd815b1b0bc46e1b1f23e2cec07345,3e1d617dd378f269fcc5b5ea726271aeaac1173c927b05f93327ea1f3f198a10,dcb8874cd058bac7d93ec4fc46232622a1c4a00bc5e3fdbfd2217b9a7b9c8c97,7e64445f19181894da87dd6f9500c4f20318ad8095284dc3682dafc9d9e5e550,342534b34d95b698cb3079af85753bbbadb947f1c11552542459666b9e78c0fb,0866af0d3fa5604921e2668a3449cc97b608275af6390de4c74aeec38aae105e,1fb57217465b9b1ef42b77bcfd0f772ea2144e86ca2fe044b609047abc8eba38,76b409d500a1acf442f1d61ee93ba94e39d8d01d61c94fb4268a7a74c9f35d52,9ef0072eef989e36afb225e68a38e90bf266dbed82f45d8f553d6edd89b76ca3,2cbce1efa3f4a0c6012ba3299040a8477d5ba8247e0e021fdd43a87567fe0ecf,a151c39a236aa15562fe526af2080f64e67d58d6d6d39f618e4595f6d5cc0f96,b069714dc1b471da71a198badebc42b9ac26a8354499b34337a9da86a5333d23,6a8ed5728c2f931ea90d9d53d1c2ad78709f608673c6bb7a74ead6bf415e992e,1b29380ccb2d6d9c0c0b3d2c683782f4358901dd98a9f9ee7aadb423b5ea86e9,ebb30e82d755cb43ecb850e22b26191ffc590f64b687c30e774b6f0a28aafb2b,f7164b8b5e4c08f9cac50384af9fd5bb8bac3354c585ff7b77965ffb85515573,10d6aca1acda124b4e960c10ebe061b1f388e083b8bc21207ae221600b8d5c62,4608e3b52c0f43cdaeec01eeca8d570002bfd188197081870df38e096904f0bf,fbe100d34b8c399b6b6e44e213cf8faf9e563c9cd30ba767528a65c5713bb82a,60160ac284e83f00c5a71730ae6b442898608643b3de1dd02b3000806ce5d235,fe96796812ca26cf424823544a7adcc3e7fd7f1af87ec509b753c2d205cd95ce,6ee92c11acc6f391aa35ae4ec68f146e923dd442aeeb54e102531caf3fbfb83c,f529e8534527afadea455a65d2f66db80ad101290c4a84f004a7a30e7cd54d56,ce4e48ec50ccacf246bbc4274d0f72ffcef900a55e5729e98b151b38cf37653a,acf6c9358d6d683571250904cef52e3f08f00bc03b815ca155d01f0f14d9ac0d,52f37680e6508d6a3757b7b9845f8e9abbea35d0793309c4a68b60f6b33b2567,914f799941f116db92dd34cc4beb7f78c642d4e05d391664c2beda0c99f00419,4911f6f571302deb9a7e4f372acdfc6ed89c29d18e146b16c27672e9cc383b33,caa5e68db01ab97f7891814153fd0794853cd3bbde591b7ce080bad121b50424,ee1e7d9026cf729a00eb3b2adcf3cfc956a5a89bc36a51a4795ff7d01c53043c,eca37529e65b471b655b1de71c97167bab44e994a59ca89a54638e7c94f02b81,289dbb455420a6e9e75e720d94cfc24cef98b0056e211b970393ccd3153f1013,d98502a726dba738b107002597248cb321d38eb54a0bea4af67f69a56971127b,628420d8505a808fb3842a2ebe9a17190b8cf74c7eba4607b37c30e167703b51,0579c707a5fc796cda91220727e2cc489f67a886ac9353e3998adc879d059325,28a41f68ef49d9f260e30b48facc107c74f7f0aa747b7d3245bdc70fd8f1f623,8ee665f8b80bd9d91385744e407b9278438b3ccf5988e78db1fc215d6ac60535,5662f96283d7a9ac2daf1fad9e1b649443b9beb76ebb85cf0f91e18d2218bb29,0eef5302ccf614627a5f2e8b0ce98d883a0f76fc23216447c2ec20609255f56a,626e158468472db2e71880cc45f1b225412454f12eb766198803d88d8bbe289d,4d0244759b6f0e837dd4bc41152dacc0dea0d832c455b881e55ee0c0c7d28f1f,b5f9f8d1405c3c46f2042d95a6453673dac0f450b45ce9638d87fc6594bc369d,6c003923949bac3821b412d8ef5c1d1bd32d89ce7476cd8beeaeee1e820cacc6,18a800bd9efe42780305f47a92ddb16b0e5884fe7156b9b0a4f751273a57fe77,fd77b8416f7b8cde52599a2337a5385e7cbffbd46ca4e81c8844ceba1cb40f40,6d1fac24692214c4a70517cf2b2fc8be4693bd4a47c4300c83add26a5b33c613,a72ef1ae642cd60c733613555aea9d4a3a47088d6d6cc477d4254f49d821ba68,1b67d0fe268375a5f8842581fa5e1a3543d668a8196fc46e07c575d8b1c996b5,1166d768e56606f6051d4f7eae5bb621124a39810e7790795679bed0e08e4496,0ddf995d7e3a536312260fb96bd560b8a1e66b6cefc398c5fabc3835d26ee1d7,1239e7dd1eed349ea9dc05e7c3ae7a5a4d915d03997c7ef5b4a9b798fb3e0ff6,20fd6a19bae95d6837387186ead2e8f89c66ddf2aab5707cbabee30467b178b3,f9a22843230ff2ff50772cda98a5e6109216001be848b1daf09f4a71f9d3882c,fb2278e0a0a0cf0df71eba1cbec0d1b55c2bf3086c77ed748c7d0453a76ad449,c8d27a81f9358d4d4ec7a523dbb5b2e2a5477b38c1960c5255b592bb21464aea,42413b97b25f63ef726e00c069fe4694290654617b8da29ddf36b0fd97150b7e,d1b716b75fe811915c8fe67fb76cf4c889843afa65f00214710d25b343e98a73,a42e8446f6a0e5be2b1ee89acd117122d4863d62d26d19247199c71fdaf5959f,b4ae6a3492a73367337b44496280a2055c6b7d8fd8285968f297ac1e83d3901b,aab8200a92b6bf283f3050ee1db589e9198b85bd64281e3f00ff63d59d165c89,4e6a197825e1ba130aa23becbe812baf40301bae889e71a749a10eeac0a8a29a,2990e60aa5231cfaefa348d33d1f494ad163ea785ccf8bc5d8f61afb588051e4,7e26d9b9838e946fab9663a829795b91cb14e6870c3a1ce759d743061d2fd287,13da9cf5771933f6fab835a4abb557f116e07bd3224043710daa8f92eacf056a,bd3697f016591e5e7a8f74248799cb86e47c4f387ac35d6c6396db407379a347,ddd993503ed120ca7cea3f5becd71d40c89e9478fdfd4ed4f372a2b3f2d0fcb4}	2026-11-29 14:18:18.449432+00
2	1	1	after	target	a9d7d8b891c72f2ff4e539ac283fd6557fd525236e1d33a366f744311c6d82cb	150018	{d35c1b84a1c182c27de7d78cc6d9a8b3cdf2119ad1f4d34f01cbfb667fd95f3f,8a2bcc6143f05138d1be8069f72ddba2a660f5efbd2711de9ba26a198fe00813,103c9c8fb31fa67410e2c81d985ef5317b243b214bf96952080dfe096bbf7df0,70484a4616e3f6402b009cb73ec7f7aac3caadd7ace26e58ffdf3a3edb005307,800e1d1bbbb435bf41a87c1abd4c6f09e4826fa2881b46116c65907ec61a0904,855b806370bc916360a99f78e65365a776acfb1d6dad77f8582d1e2f8ddc46ba,cfead3bb7df124ec4b000b302368c556939bcc83018c860f3e0d06f554d7acf8,19da928e727042b2b00196001a3d01ac07dc444e5551625e32d7c1f596de6f7e,da03a74f41089991715759d6dd81d97c5060d36c13ced1a574a8762aab3217ac,ed37e1bcbd4c636213b5d148ea50b005250f15ef5915da00dd863f7569a5138d,9d88a8084302b0e4c69239b550a6bb84d9d516ef03c46bbf37b2d686689fb633,aa9e335da7d6241db72459912799ae324509e3ba889862cd01321561e217f124,7710c7c93232b9c05ce91ecc6888260e454533f9b787ae72d7bf6ce3621c4e79,7259d9f48ad7caa0bb06cae0f243dedf5f9ed3e677547eca36c3695568bf6abe,2e223344d64274eae1015fb85956af3963ad4de977a4f9465d1f7e969a6e39cd,5d51186c652130993c9648067baf0237fc2e6f1c1238047af62126de9414b0a6,3b8571c167a89f0d356ca650a6244864a9dfe438b8dfadaa8064508c06790de4,761de7fdc4f14ccbcfd199dc7504bfff76d1bf1c9094bb39940732f4dd6f8e09,cd3ce2fc391a23ad8185499e89a0e5750366dc083f3ab2adbe99dbb1749855d1,6e2bc5059e0591a518c1596b7e3f12ca5eb9b1f2f610e5d2fed7c7384690c428,de4a080a62a2e7f3155409db138a1befbded1203141eda8a9e5dc1fc0b721ee3,41b63e41ab478ce58696df764155d1a9b53e802b694c564bc81babac370f9a82,b57b21c4cf290be7f37f4ffeb8d604cd1bcf2153483ab911f0071c8e3cc4bbfc,1c5b502496fe7db759798d0b0b40ca4f1a84c86519886dedc1a0246a033fb7e6,8920e2e14ef81b210510ad071c400c560f2ee861ee65f9a24b2f4e9d5bbeb1a2,ff890d121bc4520d1dbce549b15ca73f8349226319c1f4d713e3aeda994839dd,a7d8c6e6b4d9cd53e3d6e14842ab7ba603869e62319d8e5de9fe61cc8e17d8b7,7a7b5bdbf70e003a2d7698fb048a1bf920cd1715a0c9a06028982e5be0edda2e,44704451d9f430ee4df7cfb7b2a270499c28301f49df218ff7a6120c11639287,a8164e9ebb0c0911fcdbf9ba9a08aafc5e010f7c472e6800d60219dc323e363d,5e116152345fa355c044cb5279b2a7535517c6729688fd323ed6b9838b849303,25005982642fff209400cd82ba930b9e1d3bf902dbaae3febd66ad27efe18447,936f697f96ec3d392b2137b8c0369a28239f82a88a86cf13a0a0fad266c5e67e,e0353eb994d03c9ff0ae0337cd1a04d2a17c16ed3a0f31af3e2e437159d29f86,b95424183ae5dca8d0ce80efcd7cd1e01beefb684189b49db57675693f05bd80,f0d5b6e2c6cfb6c78980be932622d6c000e7714796222c9753b9d225e98d7ef5,dc2c4ff366194e7f9d44cfb2478c87dce7be6538519999533a57bace1653655e,d63c8ce4e460dd35b8dcd051c703edd680f7055f74ccf8e5057e7e011af5420c,e045f411c3db0d6e8b1dfb6ef212744b234683e8b962d83ccbf6b53dcabef423,d02032a4cd53b24a7006f9036ef31898eb9b7b5d8f65a727c981239e1a3a145f,13d45a0e1aee0a0f02839a8c481328992f47aaefe303ff45f62019570bb69abf,0faa6d72cd59f52abdd2024dcee13946790ec58662b8df7ff685f0672276d9da,5f4aa9849e3a72bcf074405ff2e17f150609e18ac501730c2152bc0fa61bc845,4a1a64f5fcf0e76adfe8889ff723cbf10991f68c63d5473f0315ff2b49c5cb19,51d42423b42ee2af0d414404abe04c24d0158778fd6f35ef193925961e95db51,057f934d1cfa6421f292061dfcc1a15b28df17523beb91758aa0d96debfc31f1,d9793c0c28e07a24fbe79ca2b578267a508d599deb7c3314558cadc78479ec82,3ddc9d16ef16bc1ed7112a89f2712aaf92ce43a4592a0aad4c0006a67857a0b2,995fb9052b90c7bff1d6dd0a6d1c5baceb9afdaee7a15f73172a632777bdba5a,9bfbd38acaa5b819df2192ff8a2512a5397cc3c44b5b5c33bb68bbe9d1114dbd,ca47e141d27445ed7a46ed7be1ab3a5fcd7ed5afa8f581b1eba4d4f4628ab719,4629470d6732323b119e8761419e765efec0f99ac6a46b054280ef77ec583887,a4752a5cc6332e9bcb61c65122a119379eddf952b3d676e55bc9c8f54b4023a4,12265e765605b088e4b0ea6a78b2c32a8c638ff9484b5d05326825990ff4ad3a,9f9d90e079e36486d2abfa4bd57a7f528d8d663bf49149e9abbc760444503e5f,47c3e8f35065059cfbe29a79e43ff3f5e408b55286cab30d24cc5fb27478e067,4e82185eee37e01cf46bc1006810a828cbe03526264be7799ad9349a0861db6a,691c4a9411eb9e8f20bfeae275f30c973c9601fc7f11ee2cec1f28fcb4cfa424,7ef4aadd99b9e501223961b6d0b566387b1a97099239fda372b24c1ddf70f1e1,3f196200c35640ab02e06f08fad7a1df0a437785c1b9ca1fef4c9e5583e3ca14,48797296f59dd3e789080e0f346fb6ef14829c03fe973e6501d1276b025a3b6f,5d4823e75227d8acafbc5999a078ae1c697fa1c08156ab2a3a89cbfc827a8920,c3dd063ad307ba6a9bdc6c8c87bbd656d5fe12127f8462643eabc080ae70b598,be30b0b50d4f94f007dbb41e3d16a7222751473889af8287ab60c6ad23feaac3,48cb1201d3d5bbcc68ec52bf600030913f51315c72296f62d24a885edc69feac,fb4c77c703118bc66c6d0506995faafd3dbad09a265ee19634d29035d6c1b877,ebbb4ccf77cffd096af5d8eb2afe87622a48eba7e36c02495527c59021662bdb,3621a66b2712825c454e0e08de2db8d0eb5e9afa215a335ec1934989083bb0c7,da96b261fa73eb9ff2548947a55cb9eff928f44297690f735efed4b1ecf48667,80fa1e8c0b82aa5b35b23b7b5240a30dfddd284fd46d56e9e581fcb08ab0b4f0,77c0e16528a0e03fafae7f30c9fd0ebb1698ef93011dcd07d281686440fa73c5,3f86763484e31664b758f595457fce86a0db2699dda017c97f6ed735dfbb9b70,33b90cfbfa6f53028ac49c8be913a1a10d0e71b8b30762ec53aef1632f9f3450,b135349e9cdcf27d20a8246f02c6d0e0c6c2492640e0c8e4ada0aedc8b42eb27,344d2051b2c387ab6b4be911b3726c94e8a240903354185cbe3cee0f682a72c0,f9d19e12759351da90e50d1feb3e5f30d89b6821fbd59b1619444ead5b49f3d5,6d4e62ff7a9b15a2cbaebb91eef4f24d3df98aeffe7d3f4151b21666768f3dd1,5131ac9c63da51cbf54f73006c51b5d20c127b667d64d2219cc975edcd099474,50262ddb2de6b44e481d71da91f932b06f22d6daa6b381a03c05e5930b2d0aba,2ad88f2769068971351dac4813071bf4a1ea86995b8d9c7f6f303dde1fd1b9a1,d017ad689b6a54019bc2f8fd343a9f722c91929e07761b28ae0833280870dc74,4fb7754d6ec63c45632114275084f2d625dcdd69a1978d937c6cdc6363b9d336,4ff6dc44a777fa3d269314c9f9af8adcaca20559d0b3fa114c93b5465d69bf52,689d0ee73157076d85f5f7f8661d66a0ec2e585449660ee354296f233540f794,3996e559363e06474c33185fe3d980248270b2a0ab3dfa256f0a12fd30a9cefd,17f0dad033fbcaabac335a79fb6330fe09d7496f8a9a9e41ac73736776d58cbe,762be0edda6f4ac8b50c4b726546577fc6b0f9cb6bd9da4bb5c88c969edd866a,02fd02a96d65ab6cdabc98d7bfe7f3e88c64dd07a1ff452a521403a4a5c166cb,992658467636338d71cca43eb58faa898e683ece3aa2c65f17b14621542f0b00,40fc94ac531c30e72413b9d96c16158029ecc52e0aec1c23b610c6435928e554,f706fefc13ede164056f0d97acb95b24d412dd573eb8a0019a83347acd098cd1,d183e8f94900ab2a6d1dfc25d7f4f6513d90b95fa8ad2f49191b2ad0f9bfcb34,9ad55a6690f63cecb85c180569530b814d3e732309c3be4100438287f98009c0,725b721f7e2ab9eba18c21ddcf93097762f1e824ca3b7a6d0bbb2ae2bbec5969,33e2f858950553ca408e4a801313938041a7f8707683e3dc8297aaaf9b0b4387,f668616c2c17311dc1bbd73fbc118b3b5181d8d4f466fcaae993845f82039c93,42af347dab41d656930451271ea1b10f52cfb70b0968affa1c6f5fd09b9eeaaf,edd9587c8296423e8492f26e4c2c1d0f3e372dbb8551c7d1848436816f9e6f5b,cb2fc6d166df375c6ca342d0b6b15025058475e8f3565f0c285405e2c551a08f,104d32e3ed5ed1c07a98304910688d12e1e59a4be12bc16ef629472edfb09c93,422678c8d654e958f9286065c9f3be83c664ac682c23c13c57cc49dd930ca795,d80766420c6b8d4d2400797e1e39a8575c14360568b649d39bd6678958acab32,4c732f57451d4074cf8971bd749d74527e4bbf87818045805f1df21e517aac37,6a982f86ef23536112a2e76600d99e7f2d4f8b84f3fa04f803e83ee9f02c210a,12bfc90d5172ea81f6206be9eb672ca8e5362dd48812e54066a2abf4ede532b5,4739bda5e7e0b603bde5df8d0f998820d9be2c10a3d6d754a0d8c907b837f47e,00eb166215e41ec5b1fbc045ef7b3639f903523b2ccd536c6180725dfa9f2e24,0603151a906d2ced642308b704682cafd35742cccca0fd3e59fe3948ed5af032,8e9431e0a2bfff1ad98d65730bd7b77813fd815b1b0bc46e1b1f23e2cec07345,3e1d617dd378f269fcc5b5ea726271aeaac1173c927b05f93327ea1f3f198a10,dcb8874cd058bac7d93ec4fc46232622a1c4a00bc5e3fdbfd2217b9a7b9c8c97,7e64445f19181894da87dd6f9500c4f20318ad8095284dc3682dafc9d9e5e550,342534b34d95b698cb3079af85753bbbadb947f1c11552542459666b9e78c0fb,0866af0d3fa5604921e2668a3449cc97b608275af6390de4c74aeec38aae105e,1fb57217465b9b1ef42b77bcfd0f772ea2144e86ca2fe044b609047abc8eba38,76b409d500a1acf442f1d61ee93ba94e39d8d01d61c94fb4268a7a74c9f35d52,9ef0072eef989e36afb225e68a38e90bf266dbed82f45d8f553d6edd89b76ca3,2cbce1efa3f4a0c6012ba3299040a8477d5ba8247e0e021fdd43a87567fe0ecf,a151c39a236aa15562fe526af2080f64e67d58d6d6d39f618e4595f6d5cc0f96,b069714dc1b471da71a198badebc42b9ac26a8354499b34337a9da86a5333d23,6a8ed5728c2f931ea90d9d53d1c2ad78709f608673c6bb7a74ead6bf415e992e,1b29380ccb2d6d9c0c0b3d2c683782f4358901dd98a9f9ee7aadb423b5ea86e9,ebb30e82d755cb43ecb850e22b26191ffc590f64b687c30e774b6f0a28aafb2b,f7164b8b5e4c08f9cac50384af9fd5bb8bac3354c585ff7b77965ffb85515573,10d6aca1acda124b4e960c10ebe061b1f388e083b8bc21207ae221600b8d5c62,4608e3b52c0f43cdaeec01eeca8d570002bfd188197081870df38e096904f0bf,fbe100d34b8c399b6b6e44e213cf8faf9e563c9cd30ba767528a65c5713bb82a,60160ac284e83f00c5a71730ae6b442898608643b3de1dd02b3000806ce5d235,fe96796812ca26cf424823544a7adcc3e7fd7f1af87ec509b753c2d205cd95ce,6ee92c11acc6f391aa35ae4ec68f146e923dd442aeeb54e102531caf3fbfb83c,ac36dbefe3f18ae2f409934ce62dad3242e62feae1a97cc3cefcc24b6b69ff3d,f529e8534527afadea455a65d2f66db80ad101290c4a84f004a7a30e7cd54d56,ce4e48ec50ccacf246bbc4274d0f72ffcef900a55e5729e98b151b38cf37653a,acf6c9358d6d683571250904cef52e3f08f00bc03b815ca155d01f0f14d9ac0d,52f37680e6508d6a3757b7b9845f8e9abbea35d0793309c4a68b60f6b33b2567,914f799941f116db92dd34cc4beb7f78c642d4e05d391664c2beda0c99f00419,4911f6f571302deb9a7e4f372acdfc6ed89c29d18e146b16c27672e9cc383b33,caa5e68db01ab97f7891814153fd0794853cd3bbde591b7ce080bad121b50424,ee1e7d9026cf729a00eb3b2adcf3cfc956a5a89bc36a51a4795ff7d01c53043c,eca37529e65b471b655b1de71c97167bab44e994a59ca89a54638e7c94f02b81,289dbb455420a6e9e75e720d94cfc24cef98b0056e211b970393ccd3153f1013,d98502a726dba738b107002597248cb321d38eb54a0bea4af67f69a56971127b,628420d8505a808fb3842a2ebe9a17190b8cf74c7eba4607b37c30e167703b51,0579c707a5fc796cda91220727e2cc489f67a886ac9353e3998adc879d059325,28a41f68ef49d9f260e30b48facc107c74f7f0aa747b7d3245bdc70fd8f1f623,8ee665f8b80bd9d91385744e407b9278438b3ccf5988e78db1fc215d6ac60535,5662f96283d7a9ac2daf1fad9e1b649443b9beb76ebb85cf0f91e18d2218bb29,0eef5302ccf614627a5f2e8b0ce98d883a0f76fc23216447c2ec20609255f56a,626e158468472db2e71880cc45f1b225412454f12eb766198803d88d8bbe289d,4d0244759b6f0e837dd4bc41152dacc0dea0d832c455b881e55ee0c0c7d28f1f,b5f9f8d1405c3c46f2042d95a6453673dac0f450b45ce9638d87fc6594bc369d,6c003923949bac3821b412d8ef5c1d1bd32d89ce7476cd8beeaeee1e820cacc6,18a800bd9efe42780305f47a92ddb16b0e5884fe7156b9b0a4f751273a57fe77,fd77b8416f7b8cde52599a2337a5385e7cbffbd46ca4e81c8844ceba1cb40f40,6d1fac24692214c4a70517cf2b2fc8be4693bd4a47c4300c83add26a5b33c613,a72ef1ae642cd60c733613555aea9d4a3a47088d6d6cc477d4254f49d821ba68,1b67d0fe268375a5f8842581fa5e1a3543d668a8196fc46e07c575d8b1c996b5,1166d768e56606f6051d4f7eae5bb621124a39810e7790795679bed0e08e4496,0ddf995d7e3a536312260fb96bd560b8a1e66b6cefc398c5fabc3835d26ee1d7,1239e7dd1eed349ea9dc05e7c3ae7a5a4d915d03997c7ef5b4a9b798fb3e0ff6,20fd6a19bae95d6837387186ead2e8f89c66ddf2aab5707cbabee30467b178b3,f9a22843230ff2ff50772cda98a5e6109216001be848b1daf09f4a71f9d3882c,fb2278e0a0a0cf0df71eba1cbec0d1b55c2bf3086c77ed748c7d0453a76ad449,c8d27a81f9358d4d4ec7a523dbb5b2e2a5477b38c1960c5255b592bb21464aea,42413b97b25f63ef726e00c069fe4694290654617b8da29ddf36b0fd97150b7e,d1b716b75fe811915c8fe67fb76cf4c889843afa65f00214710d25b343e98a73,a42e8446f6a0e5be2b1ee89acd117122d4863d62d26d19247199c71fdaf5959f,b4ae6a3492a73367337b44496280a2055c6b7d8fd8285968f297ac1e83d3901b,aab8200a92b6bf283f3050ee1db589e9198b85bd64281e3f00ff63d59d165c89,4e6a197825e1ba130aa23becbe812baf40301bae889e71a749a10eeac0a8a29a,2990e60aa5231cfaefa348d33d1f494ad163ea785ccf8bc5d8f61afb588051e4,7e26d9b9838e946fab9663a829795b91cb14e6870c3a1ce759d743061d2fd287,13da9cf5771933f6fab835a4abb557f116e07bd3224043710daa8f92eacf056a,bd3697f016591e5e7a8f74248799cb86e47c4f387ac35d6c6396db407379a347,ddd993503ed120ca7cea3f5becd71d40c89e9478fdfd4ed4f372a2b3f2d0fcb4}	2026-11-29 14:18:18.521851+00
3	\N	1	deployed	target	a9d7d8b891c72f2ff4e539ac283fd6557fd525236e1d33a366f744311c6d82cb	150018	{d35c1b84a1c182c27de7d78cc6d9a8b3cdf2119ad1f4d34f01cbfb667fd95f3f,8a2bcc6143f05138d1be8069f72ddba2a660f5efbd2711de9ba26a198fe00813,103c9c8fb31fa67410e2c81d985ef5317b243b214bf96952080dfe096bbf7df0,70484a4616e3f6402b009cb73ec7f7aac3caadd7ace26e58ffdf3a3edb005307,800e1d1bbbb435bf41a87c1abd4c6f09e4826fa2881b46116c65907ec61a0904,855b806370bc916360a99f78e65365a776acfb1d6dad77f8582d1e2f8ddc46ba,cfead3bb7df124ec4b000b302368c556939bcc83018c860f3e0d06f554d7acf8,19da928e727042b2b00196001a3d01ac07dc444e5551625e32d7c1f596de6f7e,da03a74f41089991715759d6dd81d97c5060d36c13ced1a574a8762aab3217ac,ed37e1bcbd4c636213b5d148ea50b005250f15ef5915da00dd863f7569a5138d,9d88a8084302b0e4c69239b550a6bb84d9d516ef03c46bbf37b2d686689fb633,aa9e335da7d6241db72459912799ae324509e3ba889862cd01321561e217f124,7710c7c93232b9c05ce91ecc6888260e454533f9b787ae72d7bf6ce3621c4e79,7259d9f48ad7caa0bb06cae0f243dedf5f9ed3e677547eca36c3695568bf6abe,2e223344d64274eae1015fb85956af3963ad4de977a4f9465d1f7e969a6e39cd,5d51186c652130993c9648067baf0237fc2e6f1c1238047af62126de9414b0a6,3b8571c167a89f0d356ca650a6244864a9dfe438b8dfadaa8064508c06790de4,761de7fdc4f14ccbcfd199dc7504bfff76d1bf1c9094bb39940732f4dd6f8e09,cd3ce2fc391a23ad8185499e89a0e5750366dc083f3ab2adbe99dbb1749855d1,6e2bc5059e0591a518c1596b7e3f12ca5eb9b1f2f610e5d2fed7c7384690c428,de4a080a62a2e7f3155409db138a1befbded1203141eda8a9e5dc1fc0b721ee3,41b63e41ab478ce58696df764155d1a9b53e802b694c564bc81babac370f9a82,b57b21c4cf290be7f37f4ffeb8d604cd1bcf2153483ab911f0071c8e3cc4bbfc,1c5b502496fe7db759798d0b0b40ca4f1a84c86519886dedc1a0246a033fb7e6,8920e2e14ef81b210510ad071c400c560f2ee861ee65f9a24b2f4e9d5bbeb1a2,ff890d121bc4520d1dbce549b15ca73f8349226319c1f4d713e3aeda994839dd,a7d8c6e6b4d9cd53e3d6e14842ab7ba603869e62319d8e5de9fe61cc8e17d8b7,7a7b5bdbf70e003a2d7698fb048a1bf920cd1715a0c9a06028982e5be0edda2e,44704451d9f430ee4df7cfb7b2a270499c28301f49df218ff7a6120c11639287,a8164e9ebb0c0911fcdbf9ba9a08aafc5e010f7c472e6800d60219dc323e363d,5e116152345fa355c044cb5279b2a7535517c6729688fd323ed6b9838b849303,25005982642fff209400cd82ba930b9e1d3bf902dbaae3febd66ad27efe18447,936f697f96ec3d392b2137b8c0369a28239f82a88a86cf13a0a0fad266c5e67e,e0353eb994d03c9ff0ae0337cd1a04d2a17c16ed3a0f31af3e2e437159d29f86,b95424183ae5dca8d0ce80efcd7cd1e01beefb684189b49db57675693f05bd80,f0d5b6e2c6cfb6c78980be932622d6c000e7714796222c9753b9d225e98d7ef5,dc2c4ff366194e7f9d44cfb2478c87dce7be6538519999533a57bace1653655e,d63c8ce4e460dd35b8dcd051c703edd680f7055f74ccf8e5057e7e011af5420c,e045f411c3db0d6e8b1dfb6ef212744b234683e8b962d83ccbf6b53dcabef423,d02032a4cd53b24a7006f9036ef31898eb9b7b5d8f65a727c981239e1a3a145f,13d45a0e1aee0a0f02839a8c481328992f47aaefe303ff45f62019570bb69abf,0faa6d72cd59f52abdd2024dcee13946790ec58662b8df7ff685f0672276d9da,5f4aa9849e3a72bcf074405ff2e17f150609e18ac501730c2152bc0fa61bc845,4a1a64f5fcf0e76adfe8889ff723cbf10991f68c63d5473f0315ff2b49c5cb19,51d42423b42ee2af0d414404abe04c24d0158778fd6f35ef193925961e95db51,057f934d1cfa6421f292061dfcc1a15b28df17523beb91758aa0d96debfc31f1,d9793c0c28e07a24fbe79ca2b578267a508d599deb7c3314558cadc78479ec82,3ddc9d16ef16bc1ed7112a89f2712aaf92ce43a4592a0aad4c0006a67857a0b2,995fb9052b90c7bff1d6dd0a6d1c5baceb9afdaee7a15f73172a632777bdba5a,9bfbd38acaa5b819df2192ff8a2512a5397cc3c44b5b5c33bb68bbe9d1114dbd,ca47e141d27445ed7a46ed7be1ab3a5fcd7ed5afa8f581b1eba4d4f4628ab719,4629470d6732323b119e8761419e765efec0f99ac6a46b054280ef77ec583887,a4752a5cc6332e9bcb61c65122a119379eddf952b3d676e55bc9c8f54b4023a4,12265e765605b088e4b0ea6a78b2c32a8c638ff9484b5d05326825990ff4ad3a,9f9d90e079e36486d2abfa4bd57a7f528d8d663bf49149e9abbc760444503e5f,47c3e8f35065059cfbe29a79e43ff3f5e408b55286cab30d24cc5fb27478e067,4e82185eee37e01cf46bc1006810a828cbe03526264be7799ad9349a0861db6a,691c4a9411eb9e8f20bfeae275f30c973c9601fc7f11ee2cec1f28fcb4cfa424,7ef4aadd99b9e501223961b6d0b566387b1a97099239fda372b24c1ddf70f1e1,3f196200c35640ab02e06f08fad7a1df0a437785c1b9ca1fef4c9e5583e3ca14,48797296f59dd3e789080e0f346fb6ef14829c03fe973e6501d1276b025a3b6f,5d4823e75227d8acafbc5999a078ae1c697fa1c08156ab2a3a89cbfc827a8920,c3dd063ad307ba6a9bdc6c8c87bbd656d5fe12127f8462643eabc080ae70b598,be30b0b50d4f94f007dbb41e3d16a7222751473889af8287ab60c6ad23feaac3,48cb1201d3d5bbcc68ec52bf600030913f51315c72296f62d24a885edc69feac,fb4c77c703118bc66c6d0506995faafd3dbad09a265ee19634d29035d6c1b877,ebbb4ccf77cffd096af5d8eb2afe87622a48eba7e36c02495527c59021662bdb,3621a66b2712825c454e0e08de2db8d0eb5e9afa215a335ec1934989083bb0c7,da96b261fa73eb9ff2548947a55cb9eff928f44297690f735efed4b1ecf48667,80fa1e8c0b82aa5b35b23b7b5240a30dfddd284fd46d56e9e581fcb08ab0b4f0,77c0e16528a0e03fafae7f30c9fd0ebb1698ef93011dcd07d281686440fa73c5,3f86763484e31664b758f595457fce86a0db2699dda017c97f6ed735dfbb9b70,33b90cfbfa6f53028ac49c8be913a1a10d0e71b8b30762ec53aef1632f9f3450,b135349e9cdcf27d20a8246f02c6d0e0c6c2492640e0c8e4ada0aedc8b42eb27,344d2051b2c387ab6b4be911b3726c94e8a240903354185cbe3cee0f682a72c0,f9d19e12759351da90e50d1feb3e5f30d89b6821fbd59b1619444ead5b49f3d5,6d4e62ff7a9b15a2cbaebb91eef4f24d3df98aeffe7d3f4151b21666768f3dd1,5131ac9c63da51cbf54f73006c51b5d20c127b667d64d2219cc975edcd099474,50262ddb2de6b44e481d71da91f932b06f22d6daa6b381a03c05e5930b2d0aba,2ad88f2769068971351dac4813071bf4a1ea86995b8d9c7f6f303dde1fd1b9a1,d017ad689b6a54019bc2f8fd343a9f722c91929e07761b28ae0833280870dc74,4fb7754d6ec63c45632114275084f2d625dcdd69a1978d937c6cdc6363b9d336,4ff6dc44a777fa3d269314c9f9af8adcaca20559d0b3fa114c93b5465d69bf52,689d0ee73157076d85f5f7f8661d66a0ec2e585449660ee354296f233540f794,3996e559363e06474c33185fe3d980248270b2a0ab3dfa256f0a12fd30a9cefd,17f0dad033fbcaabac335a79fb6330fe09d7496f8a9a9e41ac73736776d58cbe,762be0edda6f4ac8b50c4b726546577fc6b0f9cb6bd9da4bb5c88c969edd866a,02fd02a96d65ab6cdabc98d7bfe7f3e88c64dd07a1ff452a521403a4a5c166cb,992658467636338d71cca43eb58faa898e683ece3aa2c65f17b14621542f0b00,40fc94ac531c30e72413b9d96c16158029ecc52e0aec1c23b610c6435928e554,f706fefc13ede164056f0d97acb95b24d412dd573eb8a0019a83347acd098cd1,d183e8f94900ab2a6d1dfc25d7f4f6513d90b95fa8ad2f49191b2ad0f9bfcb34,9ad55a6690f63cecb85c180569530b814d3e732309c3be4100438287f98009c0,725b721f7e2ab9eba18c21ddcf93097762f1e824ca3b7a6d0bbb2ae2bbec5969,33e2f858950553ca408e4a801313938041a7f8707683e3dc8297aaaf9b0b4387,f668616c2c17311dc1bbd73fbc118b3b5181d8d4f466fcaae993845f82039c93,42af347dab41d656930451271ea1b10f52cfb70b0968affa1c6f5fd09b9eeaaf,edd9587c8296423e8492f26e4c2c1d0f3e372dbb8551c7d1848436816f9e6f5b,cb2fc6d166df375c6ca342d0b6b15025058475e8f3565f0c285405e2c551a08f,104d32e3ed5ed1c07a98304910688d12e1e59a4be12bc16ef629472edfb09c93,422678c8d654e958f9286065c9f3be83c664ac682c23c13c57cc49dd930ca795,d80766420c6b8d4d2400797e1e39a8575c14360568b649d39bd6678958acab32,4c732f57451d4074cf8971bd749d74527e4bbf87818045805f1df21e517aac37,6a982f86ef23536112a2e76600d99e7f2d4f8b84f3fa04f803e83ee9f02c210a,12bfc90d5172ea81f6206be9eb672ca8e5362dd48812e54066a2abf4ede532b5,4739bda5e7e0b603bde5df8d0f998820d9be2c10a3d6d754a0d8c907b837f47e,00eb166215e41ec5b1fbc045ef7b3639f903523b2ccd536c6180725dfa9f2e24,0603151a906d2ced642308b704682cafd35742cccca0fd3e59fe3948ed5af032,8e9431e0a2bfff1ad98d65730bd7b77813fd815b1b0bc46e1b1f23e2cec07345,3e1d617dd378f269fcc5b5ea726271aeaac1173c927b05f93327ea1f3f198a10,dcb8874cd058bac7d93ec4fc46232622a1c4a00bc5e3fdbfd2217b9a7b9c8c97,7e64445f19181894da87dd6f9500c4f20318ad8095284dc3682dafc9d9e5e550,342534b34d95b698cb3079af85753bbbadb947f1c11552542459666b9e78c0fb,0866af0d3fa5604921e2668a3449cc97b608275af6390de4c74aeec38aae105e,1fb57217465b9b1ef42b77bcfd0f772ea2144e86ca2fe044b609047abc8eba38,76b409d500a1acf442f1d61ee93ba94e39d8d01d61c94fb4268a7a74c9f35d52,9ef0072eef989e36afb225e68a38e90bf266dbed82f45d8f553d6edd89b76ca3,2cbce1efa3f4a0c6012ba3299040a8477d5ba8247e0e021fdd43a87567fe0ecf,a151c39a236aa15562fe526af2080f64e67d58d6d6d39f618e4595f6d5cc0f96,b069714dc1b471da71a198badebc42b9ac26a8354499b34337a9da86a5333d23,6a8ed5728c2f931ea90d9d53d1c2ad78709f608673c6bb7a74ead6bf415e992e,1b29380ccb2d6d9c0c0b3d2c683782f4358901dd98a9f9ee7aadb423b5ea86e9,ebb30e82d755cb43ecb850e22b26191ffc590f64b687c30e774b6f0a28aafb2b,f7164b8b5e4c08f9cac50384af9fd5bb8bac3354c585ff7b77965ffb85515573,10d6aca1acda124b4e960c10ebe061b1f388e083b8bc21207ae221600b8d5c62,4608e3b52c0f43cdaeec01eeca8d570002bfd188197081870df38e096904f0bf,fbe100d34b8c399b6b6e44e213cf8faf9e563c9cd30ba767528a65c5713bb82a,60160ac284e83f00c5a71730ae6b442898608643b3de1dd02b3000806ce5d235,fe96796812ca26cf424823544a7adcc3e7fd7f1af87ec509b753c2d205cd95ce,6ee92c11acc6f391aa35ae4ec68f146e923dd442aeeb54e102531caf3fbfb83c,ac36dbefe3f18ae2f409934ce62dad3242e62feae1a97cc3cefcc24b6b69ff3d,f529e8534527afadea455a65d2f66db80ad101290c4a84f004a7a30e7cd54d56,ce4e48ec50ccacf246bbc4274d0f72ffcef900a55e5729e98b151b38cf37653a,acf6c9358d6d683571250904cef52e3f08f00bc03b815ca155d01f0f14d9ac0d,52f37680e6508d6a3757b7b9845f8e9abbea35d0793309c4a68b60f6b33b2567,914f799941f116db92dd34cc4beb7f78c642d4e05d391664c2beda0c99f00419,4911f6f571302deb9a7e4f372acdfc6ed89c29d18e146b16c27672e9cc383b33,caa5e68db01ab97f7891814153fd0794853cd3bbde591b7ce080bad121b50424,ee1e7d9026cf729a00eb3b2adcf3cfc956a5a89bc36a51a4795ff7d01c53043c,eca37529e65b471b655b1de71c97167bab44e994a59ca89a54638e7c94f02b81,289dbb455420a6e9e75e720d94cfc24cef98b0056e211b970393ccd3153f1013,d98502a726dba738b107002597248cb321d38eb54a0bea4af67f69a56971127b,628420d8505a808fb3842a2ebe9a17190b8cf74c7eba4607b37c30e167703b51,0579c707a5fc796cda91220727e2cc489f67a886ac9353e3998adc879d059325,28a41f68ef49d9f260e30b48facc107c74f7f0aa747b7d3245bdc70fd8f1f623,8ee665f8b80bd9d91385744e407b9278438b3ccf5988e78db1fc215d6ac60535,5662f96283d7a9ac2daf1fad9e1b649443b9beb76ebb85cf0f91e18d2218bb29,0eef5302ccf614627a5f2e8b0ce98d883a0f76fc23216447c2ec20609255f56a,626e158468472db2e71880cc45f1b225412454f12eb766198803d88d8bbe289d,4d0244759b6f0e837dd4bc41152dacc0dea0d832c455b881e55ee0c0c7d28f1f,b5f9f8d1405c3c46f2042d95a6453673dac0f450b45ce9638d87fc6594bc369d,6c003923949bac3821b412d8ef5c1d1bd32d89ce7476cd8beeaeee1e820cacc6,18a800bd9efe42780305f47a92ddb16b0e5884fe7156b9b0a4f751273a57fe77,fd77b8416f7b8cde52599a2337a5385e7cbffbd46ca4e81c8844ceba1cb40f40,6d1fac24692214c4a70517cf2b2fc8be4693bd4a47c4300c83add26a5b33c613,a72ef1ae642cd60c733613555aea9d4a3a47088d6d6cc477d4254f49d821ba68,1b67d0fe268375a5f8842581fa5e1a3543d668a8196fc46e07c575d8b1c996b5,1166d768e56606f6051d4f7eae5bb621124a39810e7790795679bed0e08e4496,0ddf995d7e3a536312260fb96bd560b8a1e66b6cefc398c5fabc3835d26ee1d7,1239e7dd1eed349ea9dc05e7c3ae7a5a4d915d03997c7ef5b4a9b798fb3e0ff6,20fd6a19bae95d6837387186ead2e8f89c66ddf2aab5707cbabee30467b178b3,f9a22843230ff2ff50772cda98a5e6109216001be848b1daf09f4a71f9d3882c,fb2278e0a0a0cf0df71eba1cbec0d1b55c2bf3086c77ed748c7d0453a76ad449,c8d27a81f9358d4d4ec7a523dbb5b2e2a5477b38c1960c5255b592bb21464aea,42413b97b25f63ef726e00c069fe4694290654617b8da29ddf36b0fd97150b7e,d1b716b75fe811915c8fe67fb76cf4c889843afa65f00214710d25b343e98a73,a42e8446f6a0e5be2b1ee89acd117122d4863d62d26d19247199c71fdaf5959f,b4ae6a3492a73367337b44496280a2055c6b7d8fd8285968f297ac1e83d3901b,aab8200a92b6bf283f3050ee1db589e9198b85bd64281e3f00ff63d59d165c89,4e6a197825e1ba130aa23becbe812baf40301bae889e71a749a10eeac0a8a29a,2990e60aa5231cfaefa348d33d1f494ad163ea785ccf8bc5d8f61afb588051e4,7e26d9b9838e946fab9663a829795b91cb14e6870c3a1ce759d743061d2fd287,13da9cf5771933f6fab835a4abb557f116e07bd3224043710daa8f92eacf056a,bd3697f016591e5e7a8f74248799cb86e47c4f387ac35d6c6396db407379a347,ddd993503ed120ca7cea3f5becd71d40c89e9478fdfd4ed4f372a2b3f2d0fcb4}	2026-11-29 14:18:18.588684+00
\.


--
-- Data for Name: statement_run; Type: TABLE DATA; Schema: deploy_ledger; Owner: -
--

COPY deploy_ledger.statement_run (id, attempt_id, deployment_id, direction, try, segment, transactional, ordinal, line, kind, summary, pid, backend_start, started_at, ended_at, sqlstate, error, notices, waited_s, blockers) FROM stdin;
1	1	1	apply	1	1	t	1	1	alter table	alter table app.parent add column priority integer not null default 0	2014	2026-11-29 14:18:18.451693+00	2026-11-29 14:18:18.486278+00	2026-11-29 14:18:18.487347+00	\N	\N	{}	0	{}
2	1	1	apply	1	1	t	2	2	create index	create index parent_priority on app.parent (priority)	2014	2026-11-29 14:18:18.451693+00	2026-11-29 14:18:18.487656+00	2026-11-29 14:18:18.488574+00	\N	\N	{}	0	{}
\.


--
-- Data for Name: schema_migrations; Type: TABLE DATA; Schema: supabase_migrations; Owner: -
--

COPY supabase_migrations.schema_migrations (version, statements, name) FROM stdin;
20250101000000	{"alter table app.parent add column priority integer not null default 0","create index parent_priority on app.parent (priority)"}	add_priority
\.


--
-- Name: alert_id_seq; Type: SEQUENCE SET; Schema: deploy_ledger; Owner: -
--

SELECT pg_catalog.setval('deploy_ledger.alert_id_seq', 1, false);


--
-- Name: attempt_id_seq; Type: SEQUENCE SET; Schema: deploy_ledger; Owner: -
--

SELECT pg_catalog.setval('deploy_ledger.attempt_id_seq', 1, true);


--
-- Name: deployment_id_seq; Type: SEQUENCE SET; Schema: deploy_ledger; Owner: -
--

SELECT pg_catalog.setval('deploy_ledger.deployment_id_seq', 1, true);


--
-- Name: evidence_id_seq; Type: SEQUENCE SET; Schema: deploy_ledger; Owner: -
--

SELECT pg_catalog.setval('deploy_ledger.evidence_id_seq', 4, true);


--
-- Name: fence_seq; Type: SEQUENCE SET; Schema: deploy_ledger; Owner: -
--

SELECT pg_catalog.setval('deploy_ledger.fence_seq', 1, true);


--
-- Name: refresh_id_seq; Type: SEQUENCE SET; Schema: deploy_ledger; Owner: -
--

SELECT pg_catalog.setval('deploy_ledger.refresh_id_seq', 1, false);


--
-- Name: sample_id_seq; Type: SEQUENCE SET; Schema: deploy_ledger; Owner: -
--

SELECT pg_catalog.setval('deploy_ledger.sample_id_seq', 1, false);


--
-- Name: snapshot_id_seq; Type: SEQUENCE SET; Schema: deploy_ledger; Owner: -
--

SELECT pg_catalog.setval('deploy_ledger.snapshot_id_seq', 3, true);


--
-- Name: statement_run_id_seq; Type: SEQUENCE SET; Schema: deploy_ledger; Owner: -
--

SELECT pg_catalog.setval('deploy_ledger.statement_run_id_seq', 2, true);


--
-- Name: alert alert_pkey; Type: CONSTRAINT; Schema: deploy_ledger; Owner: -
--

ALTER TABLE ONLY deploy_ledger.alert
    ADD CONSTRAINT alert_pkey PRIMARY KEY (id);


--
-- Name: attempt attempt_pkey; Type: CONSTRAINT; Schema: deploy_ledger; Owner: -
--

ALTER TABLE ONLY deploy_ledger.attempt
    ADD CONSTRAINT attempt_pkey PRIMARY KEY (id);


--
-- Name: catalog_fact catalog_fact_pkey; Type: CONSTRAINT; Schema: deploy_ledger; Owner: -
--

ALTER TABLE ONLY deploy_ledger.catalog_fact
    ADD CONSTRAINT catalog_fact_pkey PRIMARY KEY (hash);


--
-- Name: deployment deployment_pkey; Type: CONSTRAINT; Schema: deploy_ledger; Owner: -
--

ALTER TABLE ONLY deploy_ledger.deployment
    ADD CONSTRAINT deployment_pkey PRIMARY KEY (id);


--
-- Name: evidence evidence_pkey; Type: CONSTRAINT; Schema: deploy_ledger; Owner: -
--

ALTER TABLE ONLY deploy_ledger.evidence
    ADD CONSTRAINT evidence_pkey PRIMARY KEY (id);


--
-- Name: measurement measurement_pkey; Type: CONSTRAINT; Schema: deploy_ledger; Owner: -
--

ALTER TABLE ONLY deploy_ledger.measurement
    ADD CONSTRAINT measurement_pkey PRIMARY KEY (sample_id, measure);


--
-- Name: planned_migration planned_migration_deployment_id_position_key; Type: CONSTRAINT; Schema: deploy_ledger; Owner: -
--

ALTER TABLE ONLY deploy_ledger.planned_migration
    ADD CONSTRAINT planned_migration_deployment_id_position_key UNIQUE (deployment_id, "position");


--
-- Name: planned_migration planned_migration_pkey; Type: CONSTRAINT; Schema: deploy_ledger; Owner: -
--

ALTER TABLE ONLY deploy_ledger.planned_migration
    ADD CONSTRAINT planned_migration_pkey PRIMARY KEY (deployment_id, version);


--
-- Name: refresh refresh_pkey; Type: CONSTRAINT; Schema: deploy_ledger; Owner: -
--

ALTER TABLE ONLY deploy_ledger.refresh
    ADD CONSTRAINT refresh_pkey PRIMARY KEY (id);


--
-- Name: revision revision_pkey; Type: CONSTRAINT; Schema: deploy_ledger; Owner: -
--

ALTER TABLE ONLY deploy_ledger.revision
    ADD CONSTRAINT revision_pkey PRIMARY KEY (number);


--
-- Name: sample sample_pkey; Type: CONSTRAINT; Schema: deploy_ledger; Owner: -
--

ALTER TABLE ONLY deploy_ledger.sample
    ADD CONSTRAINT sample_pkey PRIMARY KEY (id);


--
-- Name: snapshot snapshot_pkey; Type: CONSTRAINT; Schema: deploy_ledger; Owner: -
--

ALTER TABLE ONLY deploy_ledger.snapshot
    ADD CONSTRAINT snapshot_pkey PRIMARY KEY (id);


--
-- Name: statement_run statement_run_attempt_id_direction_try_segment_ordinal_key; Type: CONSTRAINT; Schema: deploy_ledger; Owner: -
--

ALTER TABLE ONLY deploy_ledger.statement_run
    ADD CONSTRAINT statement_run_attempt_id_direction_try_segment_ordinal_key UNIQUE (attempt_id, direction, try, segment, ordinal);


--
-- Name: statement_run statement_run_pkey; Type: CONSTRAINT; Schema: deploy_ledger; Owner: -
--

ALTER TABLE ONLY deploy_ledger.statement_run
    ADD CONSTRAINT statement_run_pkey PRIMARY KEY (id);


--
-- Name: schema_migrations schema_migrations_pkey; Type: CONSTRAINT; Schema: supabase_migrations; Owner: -
--

ALTER TABLE ONLY supabase_migrations.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);


--
-- Name: alert_one_open; Type: INDEX; Schema: deploy_ledger; Owner: -
--

CREATE UNIQUE INDEX alert_one_open ON deploy_ledger.alert USING btree (measure, object) WHERE (ended_at IS NULL);


--
-- Name: attempt_deployment; Type: INDEX; Schema: deploy_ledger; Owner: -
--

CREATE INDEX attempt_deployment ON deploy_ledger.attempt USING btree (deployment_id);


--
-- Name: attempt_version; Type: INDEX; Schema: deploy_ledger; Owner: -
--

CREATE INDEX attempt_version ON deploy_ledger.attempt USING btree (version, id DESC);


--
-- Name: deployment_one_open; Type: INDEX; Schema: deploy_ledger; Owner: -
--

CREATE UNIQUE INDEX deployment_one_open ON deploy_ledger.deployment USING btree (((ended_at IS NULL))) WHERE (ended_at IS NULL);


--
-- Name: deployment_run; Type: INDEX; Schema: deploy_ledger; Owner: -
--

CREATE INDEX deployment_run ON deploy_ledger.deployment USING btree (airflow_run);


--
-- Name: evidence_attempt; Type: INDEX; Schema: deploy_ledger; Owner: -
--

CREATE INDEX evidence_attempt ON deploy_ledger.evidence USING btree (attempt_id, kind);


--
-- Name: evidence_deployment; Type: INDEX; Schema: deploy_ledger; Owner: -
--

CREATE INDEX evidence_deployment ON deploy_ledger.evidence USING btree (deployment_id, kind);


--
-- Name: measurement_measure; Type: INDEX; Schema: deploy_ledger; Owner: -
--

CREATE INDEX measurement_measure ON deploy_ledger.measurement USING btree (measure, sample_id DESC);


--
-- Name: refresh_view; Type: INDEX; Schema: deploy_ledger; Owner: -
--

CREATE INDEX refresh_view ON deploy_ledger.refresh USING btree (view_name, started_at DESC);


--
-- Name: sample_taken_at; Type: INDEX; Schema: deploy_ledger; Owner: -
--

CREATE INDEX sample_taken_at ON deploy_ledger.sample USING btree (taken_at);


--
-- Name: snapshot_attempt; Type: INDEX; Schema: deploy_ledger; Owner: -
--

CREATE INDEX snapshot_attempt ON deploy_ledger.snapshot USING btree (attempt_id, moment);


--
-- Name: attempt attempt_deployment_id_fkey; Type: FK CONSTRAINT; Schema: deploy_ledger; Owner: -
--

ALTER TABLE ONLY deploy_ledger.attempt
    ADD CONSTRAINT attempt_deployment_id_fkey FOREIGN KEY (deployment_id) REFERENCES deploy_ledger.deployment(id);


--
-- Name: evidence evidence_attempt_id_fkey; Type: FK CONSTRAINT; Schema: deploy_ledger; Owner: -
--

ALTER TABLE ONLY deploy_ledger.evidence
    ADD CONSTRAINT evidence_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES deploy_ledger.attempt(id);


--
-- Name: evidence evidence_deployment_id_fkey; Type: FK CONSTRAINT; Schema: deploy_ledger; Owner: -
--

ALTER TABLE ONLY deploy_ledger.evidence
    ADD CONSTRAINT evidence_deployment_id_fkey FOREIGN KEY (deployment_id) REFERENCES deploy_ledger.deployment(id);


--
-- Name: measurement measurement_sample_id_fkey; Type: FK CONSTRAINT; Schema: deploy_ledger; Owner: -
--

ALTER TABLE ONLY deploy_ledger.measurement
    ADD CONSTRAINT measurement_sample_id_fkey FOREIGN KEY (sample_id) REFERENCES deploy_ledger.sample(id) ON DELETE CASCADE;


--
-- Name: planned_migration planned_migration_deployment_id_fkey; Type: FK CONSTRAINT; Schema: deploy_ledger; Owner: -
--

ALTER TABLE ONLY deploy_ledger.planned_migration
    ADD CONSTRAINT planned_migration_deployment_id_fkey FOREIGN KEY (deployment_id) REFERENCES deploy_ledger.deployment(id);


--
-- Name: sample sample_deployment_id_fkey; Type: FK CONSTRAINT; Schema: deploy_ledger; Owner: -
--

ALTER TABLE ONLY deploy_ledger.sample
    ADD CONSTRAINT sample_deployment_id_fkey FOREIGN KEY (deployment_id) REFERENCES deploy_ledger.deployment(id);


--
-- Name: snapshot snapshot_attempt_id_fkey; Type: FK CONSTRAINT; Schema: deploy_ledger; Owner: -
--

ALTER TABLE ONLY deploy_ledger.snapshot
    ADD CONSTRAINT snapshot_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES deploy_ledger.attempt(id);


--
-- Name: snapshot snapshot_deployment_id_fkey; Type: FK CONSTRAINT; Schema: deploy_ledger; Owner: -
--

ALTER TABLE ONLY deploy_ledger.snapshot
    ADD CONSTRAINT snapshot_deployment_id_fkey FOREIGN KEY (deployment_id) REFERENCES deploy_ledger.deployment(id);


--
-- Name: statement_run statement_run_attempt_id_fkey; Type: FK CONSTRAINT; Schema: deploy_ledger; Owner: -
--

ALTER TABLE ONLY deploy_ledger.statement_run
    ADD CONSTRAINT statement_run_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES deploy_ledger.attempt(id);


--
-- Name: statement_run statement_run_deployment_id_fkey; Type: FK CONSTRAINT; Schema: deploy_ledger; Owner: -
--

ALTER TABLE ONLY deploy_ledger.statement_run
    ADD CONSTRAINT statement_run_deployment_id_fkey FOREIGN KEY (deployment_id) REFERENCES deploy_ledger.deployment(id);


--
-- PostgreSQL database dump complete
--

\unrestrict sMc6d0PKZQG6767rxhi2YSsKnY3gFsdWIb4lFS6mexUNDvTg5jL2d1Oq5dDixbW


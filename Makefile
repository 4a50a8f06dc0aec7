# `make help` lists the targets. Settings, on the command line or in the environment:
#   CONF='{"dry_run": true}'   the run's conf              TARGET_URL=postgresql://…  another database than the demo target
#   MIGRATIONS_DIR=…           other migrations            AIRFLOW_PORT, DEMO_PORT    exactly these ports
#   FOLDERS='a b'              folders for make acceptance  FILE=…                     SQL or a log for make explain-workload
#   DEMO_SCALE=0.1             a smaller demo target       PYTHON=…                   the interpreter for .venv
SHELL := /bin/sh
.DEFAULT_GOAL := help

# These are taken as they were written: a dollar sign in a password or a conf is no reference to a make variable.
override CONF := $(value CONF)
override TARGET_URL := $(value TARGET_URL)
override MIGRATIONS_DIR := $(value MIGRATIONS_DIR)
override NAME := $(value NAME)
override FILE := $(value FILE)
override COMMANDS := $(value COMMANDS)
override FOLDERS := $(value FOLDERS)
export CONF COMMANDS TARGET_URL MIGRATIONS_DIR NAME FILE AIRFLOW_PORT DEMO_PORT DEMO_SCALE PYTHON DRY_RUN UPLOAD
# These variables, which make would hand to its children, hold the command line and so TARGET_URL.
unexport MAKEFLAGS MFLAGS MAKEOVERRIDES
# Airflow has a thousand modules and starts a process for each task. If each compiled them anew, that would cost more than the work.
unexport PYTHONDONTWRITEBYTECODE

python := env PYTHONPATH=plugins .venv/bin/python

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1@\2/p' Makefile | while IFS=@ read -r name purpose; do printf '%-22s %s\n' "$$name" "$$purpose"; done

.PHONY: venv
venv: ## fill .venv from requirements.txt
	@sh launch/setup.sh

.PHONY: deploy
deploy: venv ## deploy the pending migrations through Airflow, and show the run
	@$(python) -m launch deploy

.PHONY: baseline
baseline: venv ## adopt a database whose migrations were made by hand
	@$(python) -m launch baseline

.PHONY: rollback
rollback: venv ## undo what was deployed: make rollback CONF='{"down_to": "0"}'
	@$(python) -m launch rollback

.PHONY: restore
restore: venv ## restore a backup into a new database beside the target
	@$(python) -m launch restore

# GNU make ends with 2 whatever the exit code of a failing recipe was. In question mode it hands on the 1 of a recipe that
# runs all the same, because of its +.
ifeq ($(MAKECMDGOALS),monitor)
MAKEFLAGS += --question
endif
.PHONY: monitor
monitor: ## measure the target and print the page; exit code 1 while an alert is open
	+@sh launch/setup.sh && $(python) -m launch monitor

.PHONY: refresh
refresh: venv ## refresh all materialized views now
	@$(python) -m launch refresh

# USER is in everybody's environment: it counts only if it was given on the command line.
explain_user := $(if $(filter command line,$(origin USER)),$(value USER))

.PHONY: explain-access
explain-access: private export EXPLAIN_USER := $(explain_user)
explain-access: private export EXPLAIN_TABLE := $(value TABLE)
explain-access: private export EXPLAIN_ROW := $(value ROW)
explain-access: private export EXPLAIN_ROLE := $(value ROLE)
explain-access: venv ## say why a user may or may not touch a row: make explain-access USER=… TABLE=public.t ROW=…
	@url="$$TARGET_URL"; [ -n "$$url" ] || url=$$($(python) -m demo url) || exit 1; \
	TARGET_URL="$$url" $(python) -m pg_deploy.access.explain

.PHONY: explain-workload
explain-workload: demo-packages ## ask the statements of FILE (SQL, a log) before and after the pending migrations, on a copy
	@url="$$TARGET_URL"; [ -n "$$url" ] || url=$$($(python) -m demo url) || exit 1; \
	TARGET_URL="$$url" MIGRATIONS_DIR="$${MIGRATIONS_DIR:-sql/migrations}" $(python) -m pg_deploy.rehearsal.explain_workload "$$FILE"

.PHONY: access-directions
access-directions: venv ## write the missing directions into the access.yaml files of MIGRATIONS_DIR
	@$(python) -m pg_deploy.access.directions "$${MIGRATIONS_DIR:-sql/migrations}"

.PHONY: access-cases
access-cases: private export CASES := $(value CASES)
access-cases: demo-packages ## run the access proof on a folder of cases: make access-cases CASES=tests/cases/access
	@$(python) -m tests.core.access.cases "$${CASES:-tests/cases/access}"

.PHONY: mutants
mutants: demo-packages test-packages ## break the access proof in one line at a time, and see the tests go red
	@$(python) -m tests.core.access.mutants

.PHONY: up
up: venv ## start Airflow with its UI, and the demo target
	@$(python) -m launch up

.PHONY: down
down: venv ## stop Airflow and the demo target
	@$(python) -m launch down

.PHONY: reset
reset: demo-packages ## give a fresh demo target, and leave it running
	@$(python) -m demo reset

.PHONY: demo-url
demo-url: venv ## print the demo target's URL for the deploying role
	@$(python) -m demo url

.PHONY: demo-admin-url
demo-admin-url: venv ## print the demo target's URL for the superuser
	@$(python) -m demo admin-url

# One process more than there are cores, because a test waits for its server a fifth of its time.
.PHONY: test
test: test-packages demo-packages ## run the tests; ARGS='-k statements' goes to pytest
	@$(python) -m pytest --numprocesses $$(($$(nproc) + 1)) --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: quick
quick: venv ## run the tests that need no server (seconds)
	@$(python) -m pytest --quick $(ARGS)

.PHONY: acceptance
acceptance: private export FOLDERS := $(FOLDERS)
acceptance: acceptance-packages demo-packages ## run the tests that take long; with FOLDERS='a b': deploy these folders, and compare with psql
	@if [ -n "$$FOLDERS" ]; then $(python) -m tests.folders $$FOLDERS; else $(python) -m pytest -m acceptance; fi

.PHONY: fresh
fresh: ## run the README's commands on a clean Debian: RELEASE=trixie COMMANDS='make deploy; make test' AS_USER=1 ENV='DEMO_SCALE=0.1'
	@printf '%s\n' "$${COMMANDS:-make deploy; make deploy; make monitor; make test}" | tr ';' '\n' | sed 's/^ *//' | tr '\n' '\0' | \
		xargs -0 launch/fresh.sh "$${RELEASE:-bookworm}"

.PHONY: faults
faults: demo-packages ## kill everything at random times, also in a real Airflow (some 25 min)
	@$(python) -m pytest -s -m faults tests/faults

.PHONY: bench
bench: bench-packages demo-packages ## run every benchmark of benchmarks/, beside plain psql
	@missed=; for benchmark in benchmarks/[!_]*.py; do \
		$(python) -m "benchmarks.$$(basename "$$benchmark" .py)" || missed="$$missed $$(basename "$$benchmark" .py)"; \
	done; test -z "$$missed" || { echo "missed:$$missed" >&2; exit 1; }

.PHONY: demo-packages
demo-packages: venv
	@$(python) -m demo.packages

# They install all that a target needs in one go, before the .venv is made, which needs some of it.
.PHONY: test-packages acceptance-packages bench-packages
test-packages:
	@sh launch/packages.sh run test
acceptance-packages:
	@sh launch/packages.sh run test acceptance
bench-packages:
	@sh launch/packages.sh run
	@sh launch/packages.sh bench || echo "the benchmarks run without the tools to compare with" >&2

.PHONY: lint
lint: venv ## check style and types
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

.PHONY: count
count: venv ## count the statements and the lines of SQL, by folder
	@$(python) -m tests.house.count

.PHONY: dist
dist: venv ## build the wheel and the sdist into dist/
	@sh launch/dist.sh

.PHONY: release
release: venv ## look, lint, test, build and tag a release: make release DRY_RUN=1 only looks; UPLOAD=1 uploads at the end
	@sh launch/release.sh

.PHONY: lock
lock: venv ## compile requirements.txt from requirements.in
	@.venv/bin/uv pip compile --quiet --universal --python-version 3.10 --no-header requirements.in --output-file requirements.txt

.PHONY: assets
assets: ## fetch the pages' chart library, and the library that tests them, from npm
	@sh launch/assets.sh

.PHONY: screenshots
screenshots: test-packages demo-packages ## make the pictures of docs/images from real runs on the demo target
	@$(python) -m demo reset
	@$(python) -m tests.ui.screenshots

.PHONY: new-migration
new-migration: venv ## write a new migration: make new-migration NAME=add_orders_index
	@$(python) -m pg_deploy.migrations.scaffold "$$NAME"

.PHONY: new-monitor
new-monitor: venv ## write a new measure: make new-monitor NAME=long_queues
	@$(python) -m pg_deploy.monitor.scaffold "$$NAME"

.PHONY: undo-cases
undo-cases: venv ## apply and undo each case of a folder, and compare pg_dump and rows: make undo-cases CASES=… (SERVER=18)
	@$(python) -m tests.undo_cases "$(CASES)" --server "$(SERVER)" $(ARGS)

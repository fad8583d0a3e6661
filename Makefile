# Everything that a contributor runs, CI runs. `make help` lists it.
# 贡献者所用的命令与 CI 完全相同；`make help` 列出全部。

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
UV_VERSION := 0.13.9
LOCKER := .cache/lock-venv

# The first Python from 3.11 to 3.13 that can make a virtual environment; PYTHON=... overrules it.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3 python; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	>/dev/null 2>&1 && echo $$python && break; done)

# Indexes may differ from place to place, the artifacts may not: their hashes are in the lock.
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input

# What the demo leaves is what `make serve` opens.
demo serve: export DATABASE_URL ?= sqlite:///var/h2market.db

ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test test-compiled coverage lint lint-style lint-types lint-arrows lint-tree fix bench \
	lock compiled pure

help: ## List these commands | 列出这些命令
	@sed -n 's/^\([a-z]*\):.*## \(.*\) | \(.*\)$$/  make \1@\2@\3/p' Makefile | \
	while IFS=@ read -r name english chinese; do printf '%-16s%-64s%s\n' "$$name" "$$english" "$$chinese"; done

setup: $(STAMP) ## Make .venv from the lock; skipped while the lock stands | 按锁定文件建立 .venv；锁未变则跳过

$(STAMP): requirements-dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { \
	echo "Python 3.11, 3.12 or 3.13 with its venv module is needed; name one with PYTHON=..." >&2; \
	echo "需要带 venv 模块的 Python 3.11、3.12 或 3.13；可用 PYTHON=... 指定" >&2; exit 1; }
	@echo "Setting up $(VENV) with $(PYTHON) ... / 正在用 $(PYTHON) 建立 $(VENV) ……"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --no-index -e .
	@touch $@

demo: $(STAMP) ## Run the simulated market day; leaves var/h2market.db | 运行模拟交易日；留下 var/h2market.db
	@$(BIN)/h2market demo $(ARGS)

serve: $(STAMP) ## Serve the API and its documents on the demo's database | 在演示数据库上启动 API 与接口文档
	@$(BIN)/h2market serve $(ARGS)

test: $(STAMP) ## Run the tests; ARGS='-k book' chooses | 运行测试；ARGS='-k book' 可选择
	@$(BIN)/python -m pytest -q -n auto $(ARGS)

# Cases that are the same in every run: what hypothesis happens to find does not count.
CORE_TESTS := $(addprefix tests/exchange/,\
	test_cases.py test_capacities.py test_book.py test_owners.py test_calendar.py test_following.py stream/test_plain.py)

coverage: $(STAMP) ## Prove that cases take every branch of the core | 证明用例走遍核心的每个分支
	@$(BIN)/coverage run -m pytest -q $(CORE_TESTS) $(ARGS)
	@$(BIN)/coverage report

lint: lint-style lint-types lint-arrows lint-tree ## Check style, types, arrows, files, locks | 检查风格、类型、依赖、文件与锁

lint-style: $(STAMP)
	@$(BIN)/ruff check --output-format concise .
	@$(BIN)/ruff format --check .

lint-types: $(STAMP)
	@$(BIN)/mypy

lint-arrows: $(STAMP)
	@$(BIN)/lint-imports --no-logo --cache-dir .cache/import-linter

lint-tree: $(STAMP)
	@$(BIN)/python -m tools.check_tree
	@$(BIN)/python -m tools.check_locks
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

fix: $(STAMP) ## Repair what ruff can repair | 自动修复 ruff 能修复之处
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(STAMP) ## Measure, rivals in the same run | 性能测量，与对手同场比较
	@$(BIN)/python -m benchmarks $(ARGS)

compiled: $(STAMP) ## Compile the exchange's core in place; needs a C compiler | 就地编译交易核心；需要 C 编译器
	@$(BIN)/python -m tools.compile_core

pure: $(STAMP) ## Take the compiled core away | 移除已编译的核心
	@$(BIN)/python -m tools.compile_core --remove

# What holds for the sources as they stand holds for what is compiled from them. SQLite is enough for that.
test-compiled: $(STAMP)
	@$(BIN)/python -m tools.compile_core --into .cache/compiled
	@cd .cache/compiled && ../../$(BIN)/python -m pytest -q -n auto -k "not postgres" tests/exchange $(ARGS)

# --no-config and the unset variables keep the wheelhouse of one machine out of a lock meant for all of them.
COMPILE := env -u PIP_FIND_LINKS -u UV_FIND_LINKS $(LOCKER)/bin/uv pip compile --quiet --no-config --universal \
	--python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header $(ARGS)

lock: ## Write the locks again; ARGS=--upgrade takes newer versions | 重写锁定文件；ARGS=--upgrade 取新版本
	@test -x $(LOCKER)/bin/python || $(PYTHON) -m venv $(LOCKER)
	@$(LOCKER)/bin/python -m pip --disable-pip-version-check install --quiet uv==$(UV_VERSION)
	@$(COMPILE) pyproject.toml --all-extras --output-file requirements.lock
	@$(COMPILE) pyproject.toml --all-extras --group dev --constraint requirements.lock --output-file requirements-dev.lock
	@$(COMPILE) --group build --constraint requirements-dev.lock --output-file requirements-build.lock
	@$(LOCKER)/bin/python -m tools.check_locks

# Two commands are enough: `make demo` and `make test`. `make help` lists the rest. CMake does the work underneath.
BUILD  ?= build
PREFIX ?= /usr/local
CC     ?= cc
DESTDIR ?=
GENERATOR := $(if $(shell command -v ninja),Ninja,Unix Makefiles)
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
CONFIGURE = cmake -S . -B $(1) -G "$(GENERATOR)" -DCMAKE_C_COMPILER=$(CC) -DCMAKE_INSTALL_PREFIX=$(PREFIX) $(2)
COMPILE = cmake --build $(1) --parallel $(JOBS)
SOURCES = include src tests bench examples fuzz

all: $(BUILD)/CMakeCache.txt ## build the program (build/cseg) and the libraries
	@$(call COMPILE,$(BUILD))

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

deps: build/deps/.stamp ## find what the build needs; with root or sudo, install it

build/deps/.stamp: tools/deps.sh
	@tools/deps.sh build/deps
	@touch $@

$(BUILD)/CMakeCache.txt: build/deps/.stamp
	@$(call CONFIGURE,$(BUILD),-DCMAKE_BUILD_TYPE=Release)
	@touch $@

demo: all ## train, test and run the water example; results in build/demo
	@examples/water/demo.sh $(BUILD)/cseg build/demo

reference:
	@tools/reference_configs.sh build/deps

test: all reference ## build what is missing, run every test, count them; TESTS='^io/' runs some
	@tools/run_tests.sh $(BUILD) $(JOBS) '$(TESTS)'

asan: build/deps/.stamp reference ## all tests under the address and undefined-behaviour sanitizers
	@test -f build/asan/CMakeCache.txt || $(call CONFIGURE,build/asan,-DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=-O1 -DCSEG_SANITIZE=ON)
	@$(call COMPILE,build/asan)
	@LSAN_OPTIONS=suppressions=$(CURDIR)/tools/lsan.supp:print_suppressions=0 \
		ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1 tools/run_tests.sh build/asan $(JOBS) '$(TESTS)'

tsan: build/deps/.stamp ## the loader and a short training under the thread sanitizer
	@test -f build/tsan/CMakeCache.txt || $(call CONFIGURE,build/tsan,-DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=-O1 -DCSEG_SANITIZE=thread)
	@$(call COMPILE,build/tsan)
	@tools/tsan.sh build/tsan

fuzz: build/deps/.stamp ## every fuzz target over its corpus, RUNS=20000 each (clang)
	@test -f build/fuzz/CMakeCache.txt || $(call CONFIGURE,build/fuzz,-DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS=-O1 -DCSEG_FUZZ=ON -DCSEG_TESTS=OFF)
	@$(call COMPILE,build/fuzz) --target fuzzers
	@tools/fuzz.sh build/fuzz $(RUNS)

coverage: build/deps/.stamp reference ## which lines of src the tests reach, by folder (gcov)
	@test -f build/coverage/CMakeCache.txt || $(call CONFIGURE,build/coverage,-DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=-O1 -DCSEG_COVERAGE=ON)
	@$(call COMPILE,build/coverage)
	@tools/run_tests.sh build/coverage $(JOBS); tools/coverage.sh build/coverage

clang: build/deps/.stamp ## build everything with clang too
	@test -f build/clang/CMakeCache.txt || $(call CONFIGURE,build/clang,-DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=Release)
	@$(call COMPILE,build/clang)

parity: all reference ## compare with MMSegmentation's and Open-CD's answers for their own configs; ONLY=unet/ takes some
	@tools/parity.py $(if $(ONLY),--only $(ONLY)) --table

chance: ## do MMSegmentation's answers depend on rounding where ours differ? ENV_V1=, ENV_V0= name its pythons
	@tools/chance.py $(if $(ENV_V1),--v1 $(ENV_V1)) $(if $(ENV_V0),--v0 $(ENV_V0)) $(if $(ONLY),--only $(ONLY))

zoo: all reference ## write docs/zoo.md from the last `make parity`, and time one model of each family
	@tools/zoo.py

trainings: all ## train the models of configs/camvid on CAMVID=FOLDER, write docs/trainings.md; ONLY=, SEEDS=, MMSEG=PYTHON
	@tools/trainings.py --data $(or $(CAMVID),$(error give CAMVID=, the folder with images/ and annotations/)) \
		$(if $(ONLY),--only $(ONLY)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(MMSEG),--mmseg $(MMSEG))

bench: all reference ## time cseg beside the peers that CSEG_PEERS names; ROWS=, ROUNDS=
	@bench/compare.py --build $(BUILD) $(if $(ROWS),--rows $(ROWS)) $(if $(ROUNDS),--rounds $(ROUNDS))

install: all ## PREFIX=/usr/local, DESTDIR=
	@cmake -DCMAKE_INSTALL_PREFIX=$(PREFIX) -P $(BUILD)/cmake_install.cmake

format: ## clang-format over all C sources
	@find $(wildcard $(SOURCES)) -name '*.[ch]' -print0 | xargs -0 clang-format -i

lint: ## formatting, the direction of includes, what knows the dialects, headers' examples
	@tests/check_includes.sh .
	@tests/check_dialect.sh .
	@tests/check_headers.sh . $(CC)
	@find $(wildcard $(SOURCES)) -name '*.[ch]' -print0 | xargs -0 clang-format --dry-run -Werror

clean: ## remove what was built; downloads stay
	@find build -mindepth 1 -maxdepth 1 ! -name deps -exec rm -rf {} +

.PHONY: all help deps demo reference test asan tsan fuzz coverage clang parity chance zoo trainings bench install format lint clean

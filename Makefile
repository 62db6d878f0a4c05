# Targets are listed by `make`. What they need is fetched by the go command.

SHELL     := /bin/bash
VERSION   := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS   := -s -w -X main.version=$(VERSION)
SECONDS   ?= 0
PKG       ?= ./...
BENCH     ?= .
FUZZTIME  ?= 10s
SEEDS     ?= 100000
SEED      ?= 1
SIZE      ?= 1GB

# bash counts the seconds that it runs in a variable of this name: take ours only from the caller.
ifeq ($(origin SECONDS),environment)
SECONDS   := 0
endif

.PHONY: help build web demo test check bench fuzz sim bigstate chaos

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

build: ## build bin/flott, a static binary
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/flott ./cmd/flott

web: ## make the dashboard of web/src anew; needs Node 20 and npm
	cd web && npm ci --no-audit --no-fund --ignore-scripts && npm run --silent build

demo: build ## start a cluster, run two jobs, kill a worker; for SECONDS=20, without it until Ctrl-C
	bin/flott demo --seconds $(SECONDS)

test: ## everything that must pass: check, unit tests with -race, with invariants, simulations
	go run ./internal/citest

check: ## format, go vet, staticcheck, import directions and links
	go run ./internal/citest format vet staticcheck archtest

sim: ## simulations of SEEDS=100000 random schedules
	go test ./internal/sim -v -timeout 0 -run TestSchedules -seeds $(SEEDS)

bigstate: ## hold SIZE=1GB of keyed state on disk, print the peak of memory
	CGO_ENABLED=0 go run ./bench/bigstate -size $(SIZE)

chaos: ## strike a real cluster 135 times, 100 of them kills, write docs/fault-report.md; SEED=1
	go run -tags clockjump ./bench/chaos -faults kill-worker*10,kill-taskmanager*7,kill-jobmanager*3,freeze-worker,freeze-taskmanager,partition-jobmanager,partition-taskmanagers,full-disk,slow-disk,clock-jump \
		-hits 135 -seed $(SEED) -report docs/fault-report.md

bench: build ## run all benchmarks, print their bars, append to bench/results; BENCHFLAGS="-runs 1 -only chaos"
	go run ./bench/report $(BENCHFLAGS)

fuzz: ## each fuzz test for FUZZTIME=10s
	@set -euo pipefail; \
	{ grep -rlE '^func Fuzz' --include='*_test.go' . || true; } | xargs -rn1 dirname | sort -u | \
	while read -r dir; do \
		for name in $$(grep -hoE '^func Fuzz\w+' $$dir/*_test.go | cut -c6-); do \
			echo "== $$dir $$name"; \
			go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) $$dir </dev/null; \
		done; \
	done

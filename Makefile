# `make` prints its targets. Every check runs through internal/checks, which
# counts them, installs what it can and never skips one.
.DEFAULT_GOAL := help
.PHONY: help build demo test soak soak-faults load bench same-bytes lint format generate check-generate fuzz race browser screenshots api-baseline release clean

TOOLS  := go tool -modfile=internal/tools/go.mod
CHECKS := go run ./internal/checks
ARGS   ?=
DATABASE ?=
FUZZTIME ?= 2s
FLAT   ?= 30m

# One static program, as a release is: what demo, test and lint compile is the
# same and compiled once. The race detector, a C library, turns it on for itself.
export CGO_ENABLED ?= 0

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/fairlead
	@mkdir -p bin
	go build -o bin/fairlead ./cmd/fairlead

demo: build ## a whole call in ten seconds, then the pages to look at (ARGS="--seed other", DATABASE=postgres)
	@$(if $(filter postgres,$(DATABASE)),$(CHECKS),bin/fairlead) demo $(ARGS)

test: ## every kind of test at reduced counts, at most 10 minutes on two cores
	@$(CHECKS) test

soak: ## the same tests at full counts, at most 60 minutes; figures go to docs/figures.md
	@$(CHECKS) soak

soak-faults: ## 30 minutes on each database at half load with one fault after the other (FLAT=5m)
	FAIRLEAD_FLAT=$(FLAT) go test -v -count=1 -timeout 3h -run TestFlat ./internal/faulttest

load: ## submissions beside what the database does alone (ARGS="-compare postgres"; ARGS=-help)
	go run ./internal/load/cmd $(or $(ARGS),-compare sqlite)

bench: ## the solver beside HiGHS and CBC, an hour at first (ARGS="-seeds 3"); checks, selections; the lottery beside HiGHS and another library; matchings beside scipy (SHARED=path of the data)
	go run ./internal/solverbench/cmd $(ARGS)
	go test -run '^$$' -bench 'Check|Select' -benchtime 120x ./matcher/selection
	go run ./internal/lotterybench/cmd -sizes 84,200,500 -seeds 5 -work 2000000
	go run ./internal/lotterybench/cmd -families windows -sizes 1000,2000 -seeds 2
	go run ./internal/lotterybench/cmd -compare -sizes 80,120 -seeds 2
	go run ./internal/lotterybench/cmd -reference -seeds 4
	go run ./internal/pairbench/cmd -declines 10 -why-not 10
	go run ./internal/pairbench/cmd -compare solverbench
	$(if $(SHARED),SHARED="$(abspath $(SHARED))" go test -v -count=1 -run 'KnownLeximin|KnownAssignment' ./matcher/selection ./matcher/pairing)

same-bytes: ## the same records on arm64, under QEMU, as here
	go run ./internal/samebytes $(ARGS)

release: ## archives for Linux, macOS and Windows with SHA256SUMS, built twice and compared, into dist/ (ARGS="-compare none")
	@go run ./internal/release $(ARGS)

lint: ## gofumpt, vet, staticcheck, buf lint, buf breaking
	@$(CHECKS) lint

api-baseline: ## at a release: buf breaking compares with the API as it is now
	@sh internal/tools/api.sh baseline

format: ## write every Go and proto file as lint wants it
	@git ls-files -z '*.go' ':!gen/*' | xargs -0 $(TOOLS) gofumpt -w
	@$(TOOLS) buf format -w

generate: ## gen/ from proto/
	@sh internal/tools/api.sh generate

check-generate: ## the generated code is what the sources generate
	@$(CHECKS) generated

fuzz: ## every fuzz target (FUZZTIME=5m)
	@$(CHECKS) -fuzztime $(FUZZTIME) fuzz

race: ## concurrent packages under the race detector
	@$(CHECKS) race

browser: ## the pages in a real browser
	@$(CHECKS) browser

screenshots: ## pictures of every page on every screen, into dist/screenshots
	@bash internal/webtest/run.sh pictures "$(CURDIR)/dist/screenshots"

clean: ## what building left behind
	rm -rf bin dist tmp

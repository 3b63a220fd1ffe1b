# `make` prints its targets. Every check runs through internal/checks, which
# counts them, installs what it can and never skips one.
.DEFAULT_GOAL := help
.PHONY: help build demo test soak bench lint format generate protos check-generate fuzz race browser screenshots api-baseline clean

TOOLS  := go tool -modfile=internal/tools/go.mod
CHECKS := go run ./internal/checks
ARGS   ?=
FUZZTIME ?= 5s

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/fairlead
	@mkdir -p bin
	go build -o bin/fairlead ./cmd/fairlead

demo: build ## a whole call in ten seconds, then the pages to look at (ARGS="--seed other")
	@bin/fairlead demo $(ARGS)

test: ## every kind of test at reduced counts, at most 10 minutes on two cores
	@$(CHECKS) test

soak: ## the same tests at full counts, at most 60 minutes; figures go to docs/figures.md
	@$(CHECKS) soak

lint: protos ## gofumpt, vet, staticcheck, buf lint, buf breaking
	@$(CHECKS) lint

api-baseline: protos ## at a release: the API as it is now is what buf breaking compares with
	@$(TOOLS) buf build --path proto/fairlead --exclude-source-info -o proto/baseline.binpb

format: ## write every Go and proto file as lint wants it
	@git ls-files -z '*.go' ':!gen/*' | xargs -0 $(TOOLS) gofumpt -w
	@$(TOOLS) buf format -w

generate: protos ## gen/ from proto/
	@$(TOOLS) buf generate

# The third-party .proto files that ours import, written from the Go modules
# that go.mod pins. Ignored by git.
protos:
	@cd internal/protos && go run . ../../proto/third_party

check-generate: ## the generated code is what the sources generate
	@$(CHECKS) generated

fuzz: ## every fuzz target (FUZZTIME=5m)
	@$(CHECKS) -fuzztime $(FUZZTIME) fuzz

race: ## concurrent packages under the race detector
	@$(CHECKS) race

browser: ## the pages in a real browser
	@$(CHECKS) browser

clean: ## what building left behind
	rm -rf bin dist tmp

# outcrop: `make quickstart` and `make test` are all a new user needs.
GO ?= go
export CGO_ENABLED = 1

# Go asks git for the commit, and where git gives no answer it builds nothing: git refuses a folder that another user owns.
# There the program is built without its commit.
STAMP := auto
ifneq ($(shell git status --porcelain >/dev/null 2>&1 && echo read),read)
STAMP := false
export GOFLAGS := $(strip $(shell $(GO) env GOFLAGS 2>/dev/null) -buildvcs=false)
endif

FUZZTIME ?= 60s

.PHONY: help build quickstart test test-long test-race test-readers documents fuzz predictor bench bench-variants lint notices vulnerabilities clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

build: ## build bin/outcrop
	@command -v $(GO) >/dev/null || { echo "outcrop needs Go 1.26: install it from your distribution or https://go.dev/dl"; exit 1; }
	@command -v $${CC:-cc} >/dev/null || { echo "outcrop needs a C compiler: apt-get install gcc libc6-dev"; exit 1; }
	@git status --porcelain >/dev/null || echo "outcrop is built without its commit, which git does not tell here" >&2
	$(GO) build -buildvcs=$(STAMP) -o bin/outcrop ./cmd/outcrop

quickstart: build ## train, fit, draw and report the embedded sweep `quickstart`
	./bin/outcrop run quickstart

predictor: build ## train the sweep `predictor`, and from it the predictor of `outcrop predict`: an hour
	./bin/outcrop run predictor
	$(GO) run ./predict/train -commit "$$(git rev-parse HEAD 2>/dev/null)"

test: ## run the tests
	$(GO) test -timeout 20m ./...

test-long: ## check the sweeps `quickstart` and `emergence` in eight seeds, and kill every optimizer x schedule x rule: half an hour
	$(GO) test -tags long -timeout 60m -count 1 -v -run 'TestQuickstart|TestEmergence|TestKillsOfEveryCombination' ./cmd/outcrop

fuzz: ## run every fuzz target for FUZZTIME (60s), two at a time
	@grep -ro --include='*_test.go' '^func Fuzz[A-Za-z0-9]*' . | sed 's|/[^/]*_test.go:func | |' | sort | \
		GO=$(GO) FUZZTIME=$(FUZZTIME) xargs -P 2 -n 2 .ci/fuzz

test-race: ## test the coordinator and the store under the race detector: three minutes
	$(GO) test -race -timeout 30m -skip Memory ./experiments/...
	$(GO) test -race -timeout 30m -run 'Goroutines|Claim|Lease|Stop|Event|Merge' ./store

test-readers: ## install DuckDB and TensorBoard into bin/readers, and read exports back with them
	@python3 -c 'import ensurepip, venv' 2>/dev/null || { echo "test-readers needs Python's venv: apt-get install python3-venv"; exit 1; }
	python3 -m venv bin/readers
	bin/readers/bin/pip install --quiet --disable-pip-version-check -r export/readers/requirements.txt
	OUTCROP_PYTHON=$(CURDIR)/bin/readers/bin/python $(GO) test -tags readers -count 1 -v -run TestReaders ./cmd/outcrop

documents: ## compare what this tree prints, stores and writes with the build OLD=path/to/outcrop
	@test -n "$(OLD)" || { echo "documents needs the build before: make documents OLD=path/to/outcrop"; exit 2; }
	.ci/documents "$(OLD)" bin/outcrop $(if $(RESULTS),--results "$(RESULTS)")

BENCH ?= --whole

bench: ## install PyTorch into bin/peers and compare a step and a whole run with its own: 5.6 GB of disk, over an hour
	@python3 -c 'import ensurepip, venv' 2>/dev/null || { echo "bench needs Python's venv: apt-get install python3-venv"; exit 1; }
	@command -v $${CXX:-c++} >/dev/null || { echo "bench needs a C++ compiler for torch.compile: apt-get install g++"; exit 1; }
	python3 -m venv bin/peers
	bin/peers/bin/pip install --quiet --disable-pip-version-check -r bench/step/peer/requirements.txt
	$(GO) run ./bench/step --peer bin/peers/bin/python --threads 2 --commit "$$(git describe --always --dirty 2>/dev/null)" --out bin/peers/step.json $(BENCH)

bench-variants: ## compare a step of every variant with the baseline's: six minutes
	$(GO) run ./bench/variants

lint: ## run gofmt, vet and golangci-lint, which tools/ pins
	@test -z "$$(gofmt -l .)" || { gofmt -l .; exit 1; }
	$(GO) vet ./...
	cd tools && $(GO) build -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	./bin/golangci-lint run --allow-parallel-runners ./...
	cd tools && ../bin/golangci-lint run --allow-parallel-runners ./...

notices: ## write NOTICE, the licences of all that bin/outcrop contains
	@mkdir -p bin
	cd tools && $(GO) run ./notices .. > ../bin/NOTICE
	mv bin/NOTICE NOTICE

vulnerabilities: ## look for known vulnerabilities with govulncheck, which tools/ pins
	cd tools && $(GO) build -o ../bin/govulncheck golang.org/x/vuln/cmd/govulncheck
	@.ci/vulnerabilities $(CURDIR)/bin/govulncheck

clean: ## remove what was built, but not results
	rm -rf bin

# Go 1.26 and a C compiler are all it needs. `make help` lists the targets.

GO ?= go
export CGO_ENABLED = 1

.PHONY: help quickstart test test-long build lint tools-ready clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

quickstart: build ## build, then train, fit, draw and report the embedded sweep
	@bin/outcrop run quickstart

test: tools-ready ## run the tests
	$(GO) test ./...

test-long: tools-ready ## run the emergence of seeds 0 to 7 (some ten minutes)
	$(GO) test -tags long -timeout 60m ./experiments/...

build: tools-ready ## build bin/outcrop
	$(GO) build -o bin/outcrop ./cmd/outcrop

lint: bin/golangci-lint ## run the pinned golangci-lint
	bin/golangci-lint run ./...

bin/golangci-lint: tools/go.mod tools/go.sum
	cd tools && $(GO) build -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint

clean: ## remove what was built; results stay
	rm -rf bin

# Names what is missing, with the command that installs it.
tools-ready:
	@command -v $(GO) >/dev/null || { echo 'Outcrop needs Go 1.26: install it from https://go.dev/dl/' >&2; exit 1; }
	@cc=$$($(GO) env CC); command -v $${cc%% *} >/dev/null || { \
		echo "Outcrop needs a C compiler, and $$cc is not there: install it with" >&2; \
		if command -v apt-get >/dev/null; then echo '  apt-get install gcc libc6-dev' >&2; \
		elif command -v dnf >/dev/null; then echo '  dnf install gcc' >&2; \
		elif command -v apk >/dev/null; then echo '  apk add gcc musl-dev' >&2; \
		else echo '  your package manager, or set CC' >&2; fi; exit 1; }
	@dir=$$(mktemp -d) && echo '#include <math.h>' >$$dir/a.c && echo 'int main(void) { return 0; }' >>$$dir/a.c && \
		{ $$($(GO) env CC) -o $$dir/a $$dir/a.c -lm 2>/dev/null || { rm -rf $$dir; \
		echo 'The C compiler finds no C library: install it with' >&2; echo '  apt-get install libc6-dev' >&2; exit 1; }; } && rm -rf $$dir

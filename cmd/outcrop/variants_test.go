package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/data"
	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// The JSON list has every variant, with the field names of the contract. The text shows formula, default and source.
func TestVariants(t *testing.T) {
	code, stdout, stderr := outcrop(t.Context(), "variants", "--json")
	var rows []map[string]any
	if err := json.Unmarshal([]byte(stdout), &rows); err != nil || code != exitDone {
		t.Fatalf("exit %d, %v: %s", code, err, stderr)
	}
	config := trainer.Default()
	if want := len(variant.List(&config)) + len(data.Texts()) + len(data.Tokenizers()); len(rows) != want {
		t.Errorf("%d rows, want %d", len(rows), want)
	}
	for _, v := range variant.List(&config) {
		if v.Formula == "" {
			t.Errorf("%s %s has no formula", v.Slot, v.Name)
		}
		for _, p := range v.Params {
			if p.Doc == "" {
				t.Errorf("%s %s: the parameter %s has no doc", v.Slot, v.Name, p.Name)
			}
		}
	}
	for _, row := range rows {
		for _, key := range []string{"slot", "name", "formula", "params", "source"} {
			if row[key] == nil {
				t.Errorf("%v lacks %s", row, key)
			}
		}
	}
	code, stdout, _ = outcrop(t.Context(), "variants", "optim.after_step")
	for _, part := range []string{"tvr", "W <- (W - mean) s/std(W) + mean", "every: 50", "2503.22329"} {
		if code != exitDone || !strings.Contains(stdout, part) {
			t.Errorf("exit %d, no %q in\n%s", code, part, stdout)
		}
	}
	code, stdout, stderr = outcrop(t.Context(), "variants", "schedul")
	if code != exitInput || stdout != "" || !strings.Contains(stderr, `did you mean \"schedule\"?`) &&
		!strings.Contains(stderr, `did you mean "schedule"?`) {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
}

func TestSchema(t *testing.T) {
	code, stdout, stderr := outcrop(t.Context(), "schema")
	var doc map[string]any
	if err := json.Unmarshal([]byte(stdout), &doc); err != nil || code != exitDone ||
		doc["$schema"] != "https://json-schema.org/draft/2020-12/schema" {
		t.Errorf("exit %d, %v, draft %v: %s", code, err, doc["$schema"], stderr)
	}
}

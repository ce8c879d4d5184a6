package derive

import (
	"errors"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/probes"
	"github.com/outcrop-lab/outcrop/store"
)

// known returns rows of two steps and four layers. Between steps 0 and 8 the BOS norm of layers 1 and 2 grows, their
// entropy falls by as much, and a sink appears. The variable want holds each quantity's values, worked by hand.
func known() (rows []Row) {
	for step, values := range map[int][4]float64{0: {1, 1, 1, 1}, 8: {1, 7, 6, 1}} {
		for layer, v := range values {
			rows = append(rows,
				row(step, residPost, "top1", layer, -1, 0, v), row(step, residPost, "top1", layer, -1, 1, v+2),
				row(step, residPost, "bos_norm_ratio", layer, -1, -1, v),
				row(step, residPost, "matrix_entropy", layer, -1, -1, 8-v),
				row(step, residPost, "ratio_mean", layer, -1, -1, 4*v), row(step, "mlp.out", "ratio_mean", layer, -1, -1, 3*v),
				row(step, residPost, "top1_channel", layer, -1, 0, 5), row(step, residPost, "top1_channel", layer, -1, 1, v),
				row(step, residPost, "top1_position", layer, -1, 0, 0), row(step, residPost, "top1_token", layer, -1, 0, 9),
				row(step, mlpOut, "super_weight_row", layer, -1, 0, 2), row(step, downIn, "super_weight_column", layer, -1, 0, 3),
				row(step, downIn, "super_weight_input", layer, -1, 0, -v),
				row(step, mlpOut, "super_weight_output", layer, -1, 0, 2*v),
				row(step, "weight.mlp.down", "super_weight_value", layer, -1, 0, .5))
			for head := range 2 {
				rows = append(rows, row(step, pattern, "sink_score", layer, head, -1, v/10),
					row(step, pattern, "sink_rate", layer, head, -1, v/7*float64(head)),
					row(step, pattern, "sink_rate_gu", layer, head, -1, 0),
					row(step, pattern, "sink_position", layer, head, -1, float64(head)))
			}
		}
	}
	return rows
}

// want holds each quantity's first and last row of known().
var want = map[string][2][]any{
	"m_act":                   {{0, 3.}, {8, (3. + 9 + 8 + 3) / 4}},
	"f_attn":                  {{0, .1}, {8, 1.5 / 4}},
	"layer_sink_rate":         {{0, 0, 1. / 14, 0.}, {8, 3, 1. / 14, 0.}},
	"first_crossing":          {{10, 8, 1, "mlp.out", 21., 2}, {1000, nil, nil, nil, nil, 2}},
	"first_growth":            {{2, 8, 1, "mlp.out", 7., 2}, {10, nil, nil, nil, nil, 2}},
	"phases":                  {{0, 0, "mix", 7.}, {8, 3, "refine", 7.}},
	"bos_entropy_correlation": {{0, math.NaN(), math.NaN(), 4}, {8, -1., -1., 4}},
	"bos_sink_correlation":    {{0, math.NaN(), math.NaN(), 4}, {8, 1., 1., 4}},
	"channel_stability":       {{0, 0, 1, .5, nil, 0}, {8, 3, 1, .5, 1., 0}},
	"position_stability":      {{0, 0, 0, 1., nil, 0}, {8, 3, 0, 1., 1., 0}},
	"token_stability":         {{0, 0, 9, 1., nil, 0}, {8, 3, 9, 1., 1., 0}},
	"sink_stability":          {{0, 0, 0, .5, nil, 0}, {8, 3, 0, .5, 1., 0}},
	// over the median of 1 1 6 7, which is 3.5
	"super_weights": {{0, 0, 2, 3, .5, 1., 1., false, 1., 0}, {8, 3, 2, 3, .5, 1 / 3.5, 1 / 3.5, false, 1., 0}},
}

// Every quantity of the registry declares what a reader needs, reads statistics that exist, and gives known rows.
func TestRegistry(t *testing.T) {
	for _, q := range All() {
		if q.Formula == "" || q.Source == "" || q.Unit == "" || len(q.Needs) == 0 || len(q.Columns) < 2 {
			t.Errorf("%s: %+v", q.Name, q)
		}
		for _, need := range q.Needs {
			if s, ok := probes.Lookup(need.Statistic); !ok || need.Site != "" && s.Needs[0] != need.Site {
				t.Errorf("%s needs %v, which is not a statistic at its site", q.Name, need)
			} else if chosen := need.Site == "" || need.Site == residPost; chosen != (s.Of == probes.Tokens) {
				t.Errorf("%s needs %v: Probe is wrong about whether its site can be named", q.Name, need)
			}
		}
		got := q.Compute(known())
		if len(got) < 2 {
			t.Fatalf("%s: %v", q.Name, got)
		}
		for i, row := range [][]any{got[0], got[len(got)-1]} {
			if len(row) != len(q.Columns) || !near(row, want[q.Name][i]) {
				t.Errorf("%s: %v, want %v of %v", q.Name, row, want[q.Name][i], q.Columns)
			}
		}
		if found, ok := Lookup(q.Name); !ok || found.Name != q.Name {
			t.Errorf("%s is not found", q.Name)
		}
	}
	if _, ok := Lookup("phase"); ok || len(want) != len(Names()) {
		t.Errorf("%d quantities are known, want those of %v", len(want), Names())
	}
}

// near compares up to rounding and takes NaN as equal to NaN.
func near(got, want []any) bool {
	for i := range got {
		a, float := got[i].(float64)
		if b, ok := want[i].(float64); float && ok {
			if !(math.Abs(a-b) < 1e-12 || math.IsNaN(a) && math.IsNaN(b)) {
				return false
			}
		} else if !reflect.DeepEqual(got[i], want[i]) {
			return false
		}
	}
	return true
}

// Read returns the rows that were stored in a real database. Its error names missing rows and the command that measures
// them.
func TestRead(t *testing.T) {
	db, err := store.Open(filepath.Join(t.TempDir(), "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.PutRun(store.Run{ID: "0123456789abcdef"}); err != nil {
		t.Fatal(err)
	}
	for _, r := range known() {
		if r.Statistic == "matrix_entropy" || r.Statistic == "ratio_mean" && r.Step == 0 {
			continue
		}
		stored := store.Row{Site: r.Site, Statistic: r.Statistic, Layer: r.Layer, Head: r.Head, Idx: r.Idx, Value: r.Value}
		if err := db.PutRows("0123456789abcdef", r.Step, []store.Row{stored}); err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range All() {
		rows, err := Read(db, "0123456789abcdef", q)
		var lacking *Lacking
		switch q.Name {
		case "phases", "bos_entropy_correlation":
			if !errors.As(err, &lacking) || len(lacking.Needs) != 1 ||
				!strings.Contains(err.Error(), "needs matrix_entropy at resid_post: `outcrop probe 0123456789ab --sites "+
					"resid_post --statistics matrix_entropy`") {
				t.Errorf("%s: %v", q.Name, err)
			}
		case "first_growth":
			if !errors.As(err, &lacking) || !strings.Contains(err.Error(), "compares with step 0") {
				t.Errorf("%s: %v", q.Name, err)
			}
		default:
			if err != nil {
				t.Fatal(err)
			}
			got := q.Compute(rows)
			if last := got[len(got)-1]; !near(last, want[q.Name][1]) {
				t.Errorf("%s: %v, want %v", q.Name, last, want[q.Name][1])
			}
		}
	}
	sinks := Lacking{Run: "r", Needs: []Need{{pattern, "sink_rate"}}}
	if got := sinks.Probe(); got != "outcrop probe r --statistics sink_rate" {
		t.Errorf("%s: the site attn.pattern must not be named", got)
	}
}

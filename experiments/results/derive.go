package results

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/derive"
	"github.com/outcrop-lab/outcrop/store"
)

// DerivedTable is one quantity of several runs. Each row holds the arm, the seed and the run, and then the quantity's
// columns.
type DerivedTable struct {
	Quantity string            `json:"quantity"`
	Formula  string            `json:"formula"`
	Unit     string            `json:"unit"`
	Source   string            `json:"source"`
	Rows     []json.RawMessage `json:"rows"`

	Columns []string `json:"-"`
	Values  [][]any  `json:"-"` // the same rows, with a value for each column
}

// LackingRow is a run without the rows that a quantity needs.
type LackingRow struct {
	Quantity string `json:"quantity"`
	Run      string `json:"run"`
	Message  string `json:"message"`
}

// DerivedDocument is what `derive --json` prints.
type DerivedDocument struct {
	Quantities []DerivedTable `json:"quantities"`
	Lacking    []LackingRow   `json:"lacking"`
}

// Derive computes the quantities of the runs. To a quantity with a column token it adds a column label, which says what
// the token stands for, or is empty. If no run has the rows that a quantity needs, the quantity is listed only
// in Lacking. Unless everyStep is set, only the last step of a quantity by step is kept.
func Derive(
	db *store.DB, runs []store.MemberRun, quantities []derive.Quantity, everyStep bool,
) (DerivedDocument, error) {
	document := DerivedDocument{Quantities: []DerivedTable{}, Lacking: []LackingRow{}}
	for _, q := range quantities {
		table := DerivedTable{Quantity: q.Name, Formula: q.Formula, Unit: q.Unit, Source: q.Source,
			Columns: append([]string{"arm", "seed", "run"}, q.Columns...)}
		token := slices.Index(q.Columns, "token")
		if token >= 0 {
			table.Columns = append(table.Columns, "label")
		}
		for _, m := range runs {
			lacks := func(message string) {
				document.Lacking = append(document.Lacking, LackingRow{q.Name, m.Run.ID, message})
			}
			if m.Run.Status == store.Planned {
				lacks(fmt.Sprintf("run %.12s: %s: nothing is measured before `outcrop run`", m.Run.ID, q.Name))
				continue
			}
			rows, err := derive.Read(db, m.Run.ID, q)
			var lacking *derive.Lacking
			if errors.As(err, &lacking) {
				lacks(err.Error())
				continue
			}
			if err != nil {
				return document, err
			}
			values := q.Compute(rows)
			if len(values) == 0 {
				lacks(fmt.Sprintf("run %.12s: %s: there is no step at which everything that it reads is measured and finite",
					m.Run.ID, q.Name))
				continue
			}
			if !everyStep && q.Columns[0] == "step" {
				values = lastStep(values)
			}
			labels := map[int]string{}
			if token >= 0 {
				if labels, err = db.Tokens(m.Run.ID); err != nil {
					return document, err
				}
			}
			for _, v := range values {
				if token >= 0 {
					v = append(v, labels[v[token].(int)])
				}
				if err := table.add(m, v); err != nil {
					return document, err
				}
			}
		}
		if len(table.Values) > 0 {
			document.Quantities = append(document.Quantities, table)
		}
	}
	return document, nil
}

// lastStep returns the rows of the last step, which are at the end.
func lastStep(rows [][]any) [][]any {
	from := len(rows)
	for from > 0 && rows[from-1][0] == rows[len(rows)-1][0] {
		from--
	}
	return rows[from:]
}

// add adds a run's row to the table; NaN becomes null.
func (t *DerivedTable) add(m store.MemberRun, values []any) error {
	row := append([]any{m.Member.Arm, m.Member.Seed, m.Run.ID}, values...)
	for i, v := range row {
		if f, ok := v.(float64); ok && math.IsNaN(f) {
			row[i] = nil
		}
	}
	var keys [][]byte
	for _, c := range t.Columns {
		key, err := json.Marshal(c)
		if err != nil {
			return err
		}
		keys = append(keys, key)
	}
	object, err := Object(keys, row)
	t.Values, t.Rows = append(t.Values, row), append(t.Rows, object)
	return err
}

// Reasons says, for each quantity that some runs lack, why the first of these runs lacks the quantity. If several runs
// lack it, Reasons says how many.
func (d DerivedDocument) Reasons() []string {
	if len(d.Lacking) == 0 && len(d.Quantities) == 0 {
		return []string{"there is nothing to derive from: the sweep has no runs"}
	}
	var texts []string
	for i := 0; i < len(d.Lacking); {
		first, n := d.Lacking[i], 0
		for ; i < len(d.Lacking) && d.Lacking[i].Quantity == first.Quantity; i++ {
			n++
		}
		text := first.Message
		if n > 1 {
			text += fmt.Sprintf(" (%s lack it)", count.Of(n, "run"))
		}
		texts = append(texts, text)
	}
	return texts
}

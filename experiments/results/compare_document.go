package results

// ColumnRow is one column of a comparison.
type ColumnRow struct {
	Name  string   `json:"name"`
	Runs  []string `json:"runs"`
	Seeds []uint64 `json:"seeds"`
}

// KeyRow is a key whose value differs between the columns.
type KeyRow struct {
	Key    string         `json:"key"`
	Values map[string]any `json:"values"` // by column; null if a column lacks the key
}

// AggregateRow is an Aggregate, as printed: a metric over the seeds of a column, or its difference from the first
// column.
type AggregateRow struct {
	Column   string    `json:"column"`
	Metric   string    `json:"metric"`
	Layer    int       `json:"layer"`
	Steps    [2]int    `json:"steps"`
	Values   []Number  `json:"values"`
	N        int       `json:"n"`
	Mean     Number    `json:"mean"`
	Median   Number    `json:"median"`
	Interval [2]Number `json:"interval"`
}

// CompareDocument is what `compare --json` prints.
type CompareDocument struct {
	Columns     []ColumnRow    `json:"columns"`
	Keys        []KeyRow       `json:"keys"`
	Metrics     []AggregateRow `json:"metrics"`
	Differences []AggregateRow `json:"differences"`
	Notes       []string       `json:"notes"`
}

// CompareDocumentOf returns a comparison in the form in which it is printed.
func CompareDocumentOf(c Comparison) CompareDocument {
	d := CompareDocument{Columns: []ColumnRow{}, Keys: []KeyRow{}, Metrics: aggregateRows(c.Metrics),
		Differences: aggregateRows(c.Differences), Notes: append([]string{}, c.Notes...)}
	for _, column := range c.Columns {
		row := ColumnRow{Name: column.Name}
		for _, r := range column.Runs {
			row.Runs, row.Seeds = append(row.Runs, r.ID), append(row.Seeds, r.Seed)
		}
		d.Columns = append(d.Columns, row)
	}
	for i, key := range c.Differing {
		row := KeyRow{key, map[string]any{}}
		for j, v := range c.Values[i] {
			row.Values[c.Columns[j].Name] = v
		}
		d.Keys = append(d.Keys, row)
	}
	return d
}

func aggregateRows(all []Aggregate) []AggregateRow {
	rows := []AggregateRow{}
	for _, a := range all {
		row := AggregateRow{Column: a.Column, Metric: a.Metric, Layer: a.Layer, Steps: a.Steps, Values: []Number{},
			N: a.N, Mean: Number(a.Mean), Median: Number(a.Median),
			Interval: [2]Number{Number(a.Interval.Low), Number(a.Interval.High)}}
		for _, v := range a.Values {
			row.Values = append(row.Values, Number(v))
		}
		rows = append(rows, row)
	}
	return rows
}

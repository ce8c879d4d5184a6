package derive

var fAttn = Quantity{Name: "f_attn", Formula: "mean over layers, heads and queries t of A[t,0]",
	Source: "2505.06708", Unit: "probability",
	Needs: []Need{{pattern, "sink_score"}}, Columns: []string{"step", "f_attn"},
	Compute: func(rows []Row) [][]any { return stepRows(FAttn(rows)) }}

// FAttn returns, for each step, the attention to the first token: its mean over all queries and heads, then over
// layers (F-Attn in arXiv 2505.06708). It reads the rows of sink_score.
func FAttn(rows []Row) []StepValue { return OverLayers(Layers(rows, pattern, "sink_score")) }

package derive

var mAct = Quantity{Name: "m_act", Formula: "mean over layers of max over the probe batch of |h|",
	Source: "2505.06708", Unit: "activation",
	Needs: []Need{{residPost, "top1"}}, Columns: []string{"step", "m_act"},
	Compute: func(rows []Row) [][]any { return stepRows(MAct(rows)) }}

// MAct is the mean over layers of the largest |h| (the M-Act of arXiv 2505.06708), by step, from the rows top1 of
// resid_post: over all sequences of the probe batch.
func MAct(rows []Row) []StepValue { return OverLayers(reduced(pick(rows, residPost, "top1"), maximum)) }

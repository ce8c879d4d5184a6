package derive

var mAct = Quantity{Name: "m_act", Formula: "mean over layers of max over the probe batch of |h|",
	Source: "2505.06708", Unit: "activation",
	Needs: []Need{{residPost, "top1"}}, Columns: []string{"step", "m_act"},
	Compute: func(rows []Row) [][]any { return stepRows(MAct(rows)) }}

// MAct returns, for each step, the mean over layers of the layer's largest |h| in the whole probe batch (M-Act in
// arXiv 2505.06708). It reads the rows of top1 at resid_post.
func MAct(rows []Row) []StepValue { return OverLayers(reduced(pick(rows, residPost, "top1"), maximum)) }

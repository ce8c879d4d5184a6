package report

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/outcrop-lab/outcrop/derive"
	"github.com/outcrop-lab/outcrop/store"
)

// derivedTable is a table of a quantity derived from stored rows, with a line for each run or each block of a run.
type derivedTable struct {
	Title, Caption string
	Columns        []column // after arm and seed
	Rows           []derivedRow
	// What names the missing statistics of the first run that lacks any, and Probe the command that measures them.
	// Lacking is the number of such runs, and Of the number of all runs.
	What, Probe string
	Lacking, Of int
}

type column struct {
	Name   string
	Number bool
}

type derivedRow struct {
	Arm   string
	Seed  uint64
	Cells []string
}

// Long reports whether the page folds the table.
func (t derivedTable) Long() bool { return len(t.Rows) > 12 }

// section describes the table of a quantity. rows makes a run's lines from the rows that were read.
type section struct {
	quantity, title, caption string
	columns                  []column
	rows                     func(rows []derive.Row) [][]string
}

// nameTokens replaces the numbers of tokens in a run's lines of token_stability by what the tokens stand for.
func nameTokens(db *store.DB, run string, lines [][]string) error {
	const token = 2 // the column
	labels, err := db.Tokens(run)
	for _, cells := range lines {
		if i, e := strconv.Atoi(cells[token]); e == nil && labels[i] != "" {
			cells[token] = "“" + labels[i] + "”"
		}
	}
	return err
}

func text(names ...string) (columns []column) {
	for _, name := range names {
		columns = append(columns, column{Name: name})
	}
	return columns
}

func numbers(names ...string) (columns []column) {
	for _, name := range names {
		columns = append(columns, column{name, true})
	}
	return columns
}

var sections = []section{
	{"m_act", "M-Act", "The mean over blocks of the largest |h| over the probe batch (arXiv 2505.06708).",
		numbers("first step", "M-Act", "last step", "M-Act"),
		func(rows []derive.Row) [][]string { return ends(derive.MAct(rows)) }},
	{"f_attn", "F-Attn", "Attention to the first token, mean over queries, heads and blocks (arXiv 2505.06708).",
		numbers("first step", "F-Attn", "last step", "F-Attn"),
		func(rows []derive.Row) [][]string { return ends(derive.FAttn(rows)) }},
	{"first_crossing", "First to cross", "The first measured step at which ratio_mean exceeds a threshold anywhere, " +
		"and the first operator that exceeds it there, in the order of the forward pass (after arXiv 2505.21670). “Of” " +
		"is the number of operators that were measured; if it is 1, no other operator could be first.",
		append(numbers("of"), text(labels("> %d", derive.Thresholds)...)...),
		func(rows []derive.Row) [][]string { return crossings(rows, derive.Thresholds) }},
	{"first_growth", "First to grow", "The same for the ratio divided by the operator's own ratio at step 0, because a " +
		"sparse activation's ratio is large from the start.",
		append(numbers("of"), text(labels("> %d×", derive.Growths)...)...),
		func(rows []derive.Row) [][]string {
			return crossings(derive.Growth(rows, "ratio_mean"), derive.Growths)
		}},
	{"phases", "Phases of depth", "At the last step. A block compresses if its matrix entropy is below the midpoint of " +
		"the smallest and the largest over blocks, or if it lies between two such blocks; blocks before these mix, and " +
		"blocks after them refine. If the smallest is not at least 20 % below the largest, there is no valley, and all " +
		"blocks mix. The rule is our own; arXiv 2510.06477 reports mixing in the first 20 % of depth and refining from " +
		"85 %.",
		append(numbers("step"), append(text("phases, by block"),
			numbers("smallest entropy (bits)", "block", "largest (bits)", "block")...)...), phases},
	{"bos_entropy_correlation", "BOS norm against entropy over depth", correlationCaption + " arXiv 2510.06477 reports " +
		"−0.9 ± 0.18 for changes.", correlationColumns,
		func(rows []derive.Row) [][]string { return correlation(derive.BOSAgainstEntropy(rows)) }},
	{"bos_sink_correlation", "BOS norm against sink rate over depth", correlationCaption + " arXiv 2510.06477 reports " +
		"0.58 ± 0.25 for changes.", correlationColumns,
		func(rows []derive.Row) [][]string { return correlation(derive.BOSAgainstSinks(rows)) }},
	{"channel_stability", "Channels of the largest |h|", "At the last step: the channel " + placeCaption,
		placeColumns("channel"), places("resid_post", "top1_channel")},
	{"position_stability", "Positions of the largest |h|", "At the last step: the position " + placeCaption,
		placeColumns("position"), places("resid_post", "top1_position")},
	{"token_stability", "Tokens at the largest |h|", "At the last step: the token at the largest |h| in most sequences, " +
		"the share of sequences that have it, the share that kept their own since the previous measured step, and the step " +
		"since which it has been the most common.",
		append(numbers("step", "block"), append(text("token"), numbers("share", "kept", "since step")...)...),
		places("resid_post", "top1_token")},
	{"sink_stability", "Positions of the sinks", "At the last step: the position at which most heads of a block have " +
		"their sink, the share of heads that have it there, the share that kept their own position since the previous " +
		"measured step, and the step since which it has been the most common.",
		placeColumns("position"), places("attn.pattern", "sink_position")},
	{"super_weights", "Super weights", fmt.Sprintf("At the last step: W_down[row, column], where row and column are the "+
		"channels of the largest |.| at the down projection's output and input (arXiv 2411.07191). Input and output are "+
		"divided by their median over blocks. A block spikes if both exceed %d, a threshold of our own. The table shows "+
		"the blocks that spike, or the one that stands out most.", derive.Spike),
		append(numbers("step", "block", "row", "column", "weight", "input", "output"), column{"spikes", false},
			column{"sequences that agree", true}, column{"since step", true}), superWeights},
}

const (
	correlationCaption = "Pearson's r over blocks at the last step, of the values and of their changes from block to " +
		"block. A dash means that there are fewer than three points or that a quantity does not change."
	placeCaption = "of the largest |h| in most sequences, the share of sequences that have it, the share that kept " +
		"their own since the previous measured step, and the step since which it has been the most common."
)

var correlationColumns = numbers("step", "blocks", "r of values", "r of changes")

func placeColumns(place string) []column {
	return numbers("step", "block", place, "share", "kept", "since step")
}

// readDerived reads all tables. A table whose rows no run has says how to measure them.
func (c *content) readDerived(db *store.DB, members []store.MemberRun) error {
	for _, s := range sections {
		q, _ := derive.Lookup(s.quantity)
		measured := false
		t := derivedTable{Title: s.title, Caption: s.caption, Columns: s.columns, Of: len(members)}
		for _, m := range members {
			if m.Run.Status == store.Planned {
				continue
			}
			rows, err := derive.Read(db, m.Run.ID, q)
			var lacking *derive.Lacking
			if errors.As(err, &lacking) {
				if t.Lacking++; t.Lacking == 1 {
					t.What, t.Probe = lacking.What(), lacking.Probe()
				}
				continue
			}
			if err != nil {
				return err
			}
			measured = true
			lines := s.rows(rows)
			if s.quantity == "token_stability" {
				if err := nameTokens(db, m.Run.ID, lines); err != nil {
					return err
				}
			}
			for _, cells := range lines {
				t.Rows = append(t.Rows, derivedRow{m.Member.Arm, m.Member.Seed, cells})
			}
		}
		if len(t.Rows) > 0 {
			c.Derived = append(c.Derived, t)
		} else if t.Lacking > 0 || measured {
			if t.Lacking == 0 {
				t.What = "a step at which all its statistics are measured and finite (for a correlation, in three blocks)"
			}
			c.Underived = append(c.Underived, t)
		}
	}
	return nil
}

func ends(values []derive.StepValue) [][]string {
	first, last := values[0], values[len(values)-1]
	return [][]string{{strconv.Itoa(first.Step), number(first.Value), strconv.Itoa(last.Step), number(last.Value)}}
}

func labels(format string, thresholds []int) (all []string) {
	for _, threshold := range thresholds {
		all = append(all, fmt.Sprintf(format, threshold))
	}
	return all
}

func crossings(rows []derive.Row, thresholds []int) [][]string {
	line := []string{strconv.Itoa(derive.OperatorsOf(rows, "ratio_mean"))}
	for _, threshold := range thresholds {
		cell := none
		if all := derive.FirstCrossings(rows, "ratio_mean", float64(threshold)); len(all) > 0 {
			cell = fmt.Sprintf("step %d: block %d, %s (%s)", all[0].Step, all[0].Layer, all[0].Site, number(all[0].Value))
		}
		line = append(line, cell)
	}
	return [][]string{line}
}

// phases returns the last step's phases, with neighbouring blocks of one phase joined.
func phases(rows []derive.Row) [][]string {
	all := derive.Phases(rows)
	if len(all) == 0 {
		return nil
	}
	last := all[len(all)-1].Step
	var words []string
	var low, high, from derive.LayerPhase
	low.Entropy, high.Entropy = math.Inf(1), math.Inf(-1)
	for i, p := range all {
		if p.Step != last {
			continue
		}
		if p.Entropy < low.Entropy {
			low = p
		}
		if p.Entropy > high.Entropy {
			high = p
		}
		if i == 0 || all[i-1].Step != last || all[i-1].Phase != p.Phase {
			from = p
		}
		if i+1 == len(all) || all[i+1].Phase != p.Phase {
			words = append(words, fmt.Sprintf("%s %s", p.Phase, blocks(from.Layer, p.Layer)))
		}
	}
	phrase := strings.Join(words, ", ")
	if !strings.Contains(phrase, string(derive.Compress)) {
		phrase = "no valley: " + phrase
	}
	return [][]string{{strconv.Itoa(last), phrase, fixed(low.Entropy, 3), strconv.Itoa(low.Layer), fixed(high.Entropy, 3),
		strconv.Itoa(high.Layer)}}
}

func blocks(from, to int) string {
	if from == to {
		return strconv.Itoa(from)
	}
	return fmt.Sprintf("%d–%d", from, to)
}

// correlation returns the last step's correlations, or no line if there are too few blocks for any r.
func correlation(all []derive.DepthCorrelation) [][]string {
	if len(all) == 0 { // never measured at the same step
		return nil
	}
	c := all[len(all)-1]
	if math.IsNaN(c.Levels) && math.IsNaN(c.Changes) {
		return nil
	}
	return [][]string{{strconv.Itoa(c.Step), strconv.Itoa(c.Layers), fixed(c.Levels, 2), fixed(c.Changes, 2)}}
}

func places(site, statistic string) func(rows []derive.Row) [][]string {
	return func(rows []derive.Row) (lines [][]string) {
		all, kept := derive.Places(rows, site, statistic), derive.Stability(rows, site, statistic)
		for _, p := range all {
			if p.Step != all[len(all)-1].Step {
				continue
			}
			share := math.NaN()
			for _, v := range kept {
				if v.Step == p.Step && v.Layer == p.Layer {
					share = v.Value
				}
			}
			lines = append(lines, []string{strconv.Itoa(p.Step), strconv.Itoa(p.Layer), strconv.Itoa(p.Place),
				fixed(p.Agreeing, 2), fixed(share, 2), strconv.Itoa(p.Since)})
		}
		return lines
	}
}

// superWeights returns the blocks that spike at the last step, or, if none does, the block whose smaller ratio is the
// largest.
func superWeights(rows []derive.Row) (lines [][]string) {
	all := derive.SuperWeights(rows)
	if len(all) == 0 { // never measured at the same step
		return nil
	}
	var shown []derive.Candidate
	var most derive.Candidate
	for _, c := range all {
		if c.Step != all[len(all)-1].Step {
			continue
		}
		if c.Spikes(derive.Spike) {
			shown = append(shown, c)
		}
		if most.Agreeing == 0 || min(c.Input, c.Output) > min(most.Input, most.Output) {
			most = c
		}
	}
	if len(shown) == 0 {
		shown = append(shown, most)
	}
	for _, c := range shown {
		spikes := map[bool]string{true: "yes", false: "no"}[c.Spikes(derive.Spike)]
		lines = append(lines, []string{strconv.Itoa(c.Step), strconv.Itoa(c.Layer), strconv.Itoa(c.Row),
			strconv.Itoa(c.Column), number(c.Weight),
			fixed(c.Input, 2), fixed(c.Output, 2), spikes, fixed(c.Agreeing, 2), strconv.Itoa(c.Since)})
	}
	return lines
}

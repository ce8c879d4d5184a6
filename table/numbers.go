package table

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// absent lists the spellings of a value that is missing, in lower case and without a sign. An infinite value is no
// measurement either.
var absent = []string{"", "-", "--", "—", "–", ".", "?", "na", "n/a", "n.a.", "#n/a", "#n/a n/a", "#na", "<na>", "nan",
	"null", "none", "nil", "nat", "undefined", "inf", "infinity", "∞", "#div/0!", "#num!", "#value!", "#ref!", "1.#inf",
	"1.#ind", "1.#qnan"}

func missing(cell string) bool {
	if cell != "" && cell[0] >= '0' && cell[0] <= '9' && !strings.Contains(cell, "#") {
		return false
	}
	return slices.Contains(absent, cell) || slices.Contains(absent, strings.TrimLeft(strings.ToLower(cell), "+-"))
}

// The shapes of numbers. A group is three digits, as in 1,234,567. In "1,234" a comma may be a decimal mark or begin a
// group.
var (
	pointed = regexp.MustCompile(`^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$`)
	comma   = regexp.MustCompile(`^[-+]?(\d*,\d+|\d+(\.\d{3})+,\d*)([eE][-+]?\d+)?$`)
	groups  = regexp.MustCompile(`^[-+]?\d{1,3}(,\d{3})+(\.\d*)?$`)
	grouped = regexp.MustCompile(`^[-+]?\d{1,3}(\.\d{3})+$`)
)

func isNumber(cell string) bool {
	return pointed.MatchString(cell) || comma.MatchString(cell) || groups.MatchString(cell)
}

// mark says how a table writes numbers with a comma.
type mark int

const (
	point    mark = iota // 1,234.5: the comma separates groups
	decimal              // 1.234,5: the comma is the decimal mark
	doubtful             // 1,234 may be either: such a cell is not read
)

// markOf returns how a table's numbers are written. A cell such as "0,5" shows a decimal comma; "1,234,567", or a
// number with a point such as "0.5", shows that the comma separates groups. If no cell shows either, a comma is a
// decimal mark in a table whose cells are separated by semicolons, because that is why they are.
func markOf(rows []Row, semicolons bool) mark {
	commas, points, either := false, false, false
	for _, r := range rows {
		for _, cell := range r.Cells {
			switch {
			case !strings.ContainsAny(cell, ",."):
			case groups.MatchString(cell):
				either = true
				points = points || strings.Count(cell, ",") > 1 || strings.Contains(cell, ".")
			case comma.MatchString(cell):
				commas = true
			case pointed.MatchString(cell) && !grouped.MatchString(cell):
				points = true
			}
		}
	}
	switch {
	case points || !commas && !either:
		return point
	case commas || semicolons:
		return decimal
	}
	return doubtful
}

// number reads a cell. It returns NaN for a missing value, and ok is false if the cell is neither that nor a number.
func (m mark) number(cell string) (v float64, ok bool) {
	if missing(cell) {
		return math.NaN(), true
	}
	switch {
	case m == decimal && (comma.MatchString(cell) || grouped.MatchString(cell)):
		cell = strings.Replace(strings.ReplaceAll(cell, ".", ""), ",", ".", 1)
	case m == point && groups.MatchString(cell):
		cell = strings.ReplaceAll(cell, ",", "")
	case !pointed.MatchString(cell):
		return 0, false
	}
	v, err := strconv.ParseFloat(cell, 64)
	return v, err == nil
}

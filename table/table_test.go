package table

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
)

// rise is the series that most files in testdata hold, each as another tool writes it: 1 + 5 (1 - exp(-t/266)) with
// noise in the last digits.
var (
	riseSteps  = []float64{0, 50, 100, 150, 200, 300, 400, 500, 700, 1000, 1300, 1600, 2000}
	riseValues = []float64{1, 1.75972, 2.40215, 2.94590, 3.40672, 4.13061, 4.65649, 5.04159, 5.53146, 5.84644, 5.91697,
		5.95182, 6.02154}
)

// One series is read from every file: named, quoted and separated in another way, behind other columns, or beside
// columns that cannot be fitted.
func TestOneSeriesFromManyTools(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.csv")
	if err != nil || len(paths) < 10 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		read, err := Read(path, Choice{})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		var good []Series
		for _, s := range read.Series {
			if s.Err == nil {
				good = append(good, s)
			}
		}
		switch filepath.Base(path) {
		case "na_cells.csv":
			for _, i := range []int{1, 5, 9} {
				if !math.IsNaN(good[0].Values[i]) {
					t.Errorf("%s: %v, want NaN at %d", path, good[0].Values, i)
				}
				good[0].Values[i] = riseValues[i]
			}
		case "cjk_header.csv": // has four digits, and a second series
			if len(good) != 2 || good[0].Name != "激活 😀" || good[1].Name != "μ λ" {
				t.Errorf("%s: %v", path, good)
			}
			continue
		}
		if len(good) != 1 || !slices.Equal(good[0].Steps, riseSteps) || !slices.Equal(good[0].Values, riseValues) {
			t.Errorf("%s: %+v, want one series, the rise", path, good)
		}
	}
}

// summary returns what a table holds as "steps: series=values; series=values", with _ for NaN and ! for an error.
func summary(read Table) string {
	var all []string
	for _, s := range read.Series {
		values := make([]string, len(s.Values))
		for i, v := range s.Values {
			values[i] = strings.ReplaceAll(strconv.FormatFloat(v, 'g', -1, 64), "NaN", "_")
		}
		if s.Err != nil {
			values = []string{"!"}
		}
		all = append(all, s.Name+"="+strings.Join(values, " "))
	}
	return read.Step + ": " + strings.Join(all, "; ")
}

// Each form of a table, and what is read from it.
func TestForms(t *testing.T) {
	for name, c := range map[string]struct {
		table  string
		choice Choice
		want   string
	}{
		"blank lines and comments first": {"\n\n# a\n#b\n \nstep,y\n0,1\n# c\n1,2\n", Choice{}, "step: y=1 2"},
		"CRLF":                           {"step,y\r\n0,1\r\n1,2\r\n", Choice{}, "step: y=1 2"},
		"CR":                             {"step,y\r0,1\r1,2\r", Choice{}, "step: y=1 2"},
		"blanks around cells":            {"step, \"y, z\",w\n 0 , 1 ,3\n 1 , 2 ,4\n", Choice{}, "step: y, z=1 2; w=3 4"},
		"blanks between cells":           {"step   y  z\n  0    1  3\n  10  2  4 \n", Choice{}, "step: y=1 2; z=3 4"},
		"bars":                           {"step|a,b|c d\n0|1|3\n1|2|4\n", Choice{}, "step: a,b=1 2; c d=3 4"},
		"tabs with an empty cell":        {"step\ta b\tc\n0\t\t3\n1\t2\t4\n", Choice{}, "step: a b=_ 2; c=3 4"},
		"Excel's sep":                    {"sep=;\nstep;y,z\n0;1\n1;2\n", Choice{}, "step: y,z=1 2"},
		"numpy's savetxt":                {"# by\n# step y\n0.0e+00 1.0e+00\n1.0e+00 2.5\n", Choice{}, "step: y=1 2.5"},
		"decimal comma":                  {"step;y\n0;1,5\n1000;-2,25e1\n", Choice{}, "step: y=1.5 -22.5"},
		"decimal comma, three digits":    {"step;y\n0;1,500\n1;2,250\n", Choice{}, "step: y=1.5 2.25"},
		"three digits after a point":     {"step;y\n0;1.500\n1;2.250\n", Choice{}, "step: y=1.5 2.25"},
		"decimal comma and groups":       {"step\ty\n0\t1,5\n1.000\t1.002,25\n", Choice{}, "step: y=1.5 1002.25"},
		"groups":                         {"step,y\n\"1,000\",1\n\"2,000\",\"1,002.25\"\n", Choice{}, "step: y=1 1002.25"},
		"groups or decimals": {"step\ty\tz\n0\t1,500\t1\n1\t2,250\t2\n", Choice{},
			"step: y=!; z=1 2"},
		"missing in many spellings": {"step,y\n0,NA\n1,n/a\n2,NaN\n3,null\n4,None\n5,-\n6,#N/A\n7,-Inf\n8,<NA>\n" +
			"9,\n10,Infinity\n11,1\n", Choice{}, "step: y=_ _ _ _ _ _ _ _ _ _ _ 1"},
		"short rows":            {"step,y,z\n0,1\n1,2,3\n", Choice{}, "step: y=1 2; z=_ 3"},
		"commas after the rows": {"step,y\n0,1,,\n1,2,,\n,,,\n", Choice{}, "step: y=1 2"},
		"the last line cut off": {"step,y,z\n0,1,2\n1,2,3\n2,3", Choice{}, "step: y=1 2; z=2 3"},
		"one name twice":        {"step,y,y\n0,1,3\n1,2,4\n", Choice{}, "step: y=1 2; y (column 3)=3 4"},
		"rows without a step":   {"step,y\n0,1\n,7\nNaN,8\n1,2\n", Choice{}, "step: y=1 2"},
		"steps unsorted":        {"step,y\n5,3\n0,1\n1,2\n", Choice{}, "step: y=1 2 3"},
		"steps twice":           {"step,y\n0,1\n1,2\n1,3\n", Choice{}, "step: y=1 2 3"},
		"one bad cell":          {"step,y,z\n0,1,3\n1,oops,4\n", Choice{}, "step: y=!; z=3 4"},
		"too large a number":    {"step,y,z\n0,1,3\n1,1e999,4\n", Choice{}, "step: y=!; z=3 4"},
		"hexadecimal":           {"step,y,z\n0,0x1p4,3\n1,1_000,4\n", Choice{}, "step: y=!; z=3 4"},
		"a header alone":        {"step,y\n", Choice{}, "step: y=!"},
		"a header of numbers":   {",0,1\n0,5,7\n10,6,8\n", Choice{Step: "column 1"}, "column 1: 0=5 6; 1=7 8"},
		"no header":             {"0,5,7\n10,6,8\n", Choice{NoHeader: true}, "column 1: column 2=5 6; column 3=7 8"},
		"chosen series": {"step,a_x,b,a_y\n0,1,2,3\n1,4,5,6\n", Choice{Series: []string{"a_*"}},
			"step: a_x=1 4; a_y=3 6"},
		"R's write.table":  {"\"step\" \"y\"\n\"1\" 0 1\n\"2\" 5 2\n", Choice{}, "step: y=1 2"},
		"numbers as names": {"step,0.1,0.5\n0,1,3\n1,2,4\n", Choice{}, "step: 0.1=1 2; 0.5=3 4"},
		"a chosen clock":   {"step,time,b\n0,1,2\n1,4,5\n", Choice{Series: []string{"time"}}, "step: time=1 4"},
		"Latin-1":          {"step,\xb5\n0,1\n1,2\n", Choice{}, "step: µ=1 2"},
		"UTF-16":           {utf16LE("step\tλ\r\n0\t1\r\n1\t2\r\n"), Choice{}, "step: λ=1 2"},
	} {
		read, err := From("t.csv", strings.NewReader(c.table), c.choice)
		if got := summary(read); err != nil || got != c.want {
			t.Errorf("%s: %s, %v, want %s", name, got, err, c.want)
		}
	}
}

func utf16LE(text string) string {
	out := []byte{0xFF, 0xFE}
	for _, unit := range utf16.Encode([]rune(text)) {
		out = binary.LittleEndian.AppendUint16(out, unit)
	}
	return string(out)
}

// Which column holds the steps: the table's three columns rise from 0, from 5 and from 1.
func TestStepColumn(t *testing.T) {
	for header, want := range map[string]string{
		"loss,Step,acc":                     "Step",
		"epoch,global_step,loss":            "global_step",
		"Epoch,Global Step,loss":            "Global Step",
		"_step,trainer/global_step,loss":    "trainer/global_step",
		"global_step,loss,step":             "step",
		"loss,_step,_runtime":               "_step",
		"loss,iter,tokens":                  "iter",
		"loss,acc,Iterations":               "Iterations",
		"epoch,loss,Tokens Seen (billions)": "Tokens Seen (billions)",
		"loss,acc,epochs":                   "epochs",
		"loss,Wall time,acc":                "Wall time",
		"day,loss,acc":                      "day",
	} {
		read, err := From("t.csv", strings.NewReader(header+"\n0,5,1\n1,6,2\n2,7,4\n"), Choice{})
		if err != nil || read.Step != want {
			t.Errorf("%s: %q, %v, want %q", header, read.Step, err, want)
		}
	}
	for name, c := range map[string]struct{ table, want string }{
		"step counts anew in each epoch": {"epoch,step,iteration,y\n0,0,0,1\n0,1,1,2\n1,0,2,3\n1,1,3,4\n", "iteration"},
		"steps without numbers":          {"step,iter,y\n,0,1\n,1,2\n", "iter"},
		"an index":                       {",y\n0,1.5\n50,1.25\n", "column 1"},
		"two alike":                      {"a/step,b/step,y\n0,0,1\n1,1,2\n", "a/step"},
	} {
		read, err := From("t.csv", strings.NewReader(c.table), Choice{})
		if err != nil || read.Step != c.want {
			t.Errorf("%s: %q, %v, want %q", name, read.Step, err, c.want)
		}
	}
	for name, table := range map[string]string{
		"an index beside another count": ",mine,y\n0,0,1\n1,10,2\n2,20,3\n",
		"the first column falls":        "a,b\n3,1\n2,2\n1,3\n",
		"the first column is constant":  "a,b\n3,1\n3,2\n",
		"the first column is text":      "a,b\nx,1\ny,2\n",
		"two equally good":              "a/step,b/step,y\n0,0,1\n1,10,2\n",
	} {
		if read, err := From("t.csv", strings.NewReader(table), Choice{}); !errors.Is(err, ErrNoSteps) ||
			!strings.HasPrefix(err.Error(), "t.csv: ") {
			t.Errorf("%s: %q, %v, want a refusal", name, read.Step, err)
		}
	}
}

// Long tables: a series for each run and quantity.
func TestLongTables(t *testing.T) {
	for name, c := range map[string]struct{ table, want string }{
		"TensorBoard": {"run,tag,step,value\nr,loss,0,9\nr,loss,1,8\nr,acc,0,.1\nr,acc,1,.2\n",
			"step: loss=9 8; acc=0.1 0.2"},
		"MLflow": {"run_id,key,value,timestamp,step,is_nan\na,loss,9,1700,0,False\nb,loss,7,1700,0,False\n" +
			"a,loss,8,1701,1,False\nb,loss,6,1701,1,False\n", "step: a=9 8; b=7 6; is_nan=!"},
		"several quantities": {"run,step,y,z\na,0,1,2\na,1,3,4\nb,0,5,6\nb,1,7,8\n",
			"step: a/y=1 3; b/y=5 7; a/z=2 4; b/z=6 8"},
		"labels that are numbers": {"step,seed,layer,y\n0,0,0,1\n0,0,1,2\n0,1,0,3\n0,1,1,4\n1,0,0,5\n1,0,1,6\n1,1,0,7\n" +
			"1,1,1,8\n", "step: seed 0/layer 0=1 5; seed 0/layer 1=2 6; seed 1/layer 0=3 7; seed 1/layer 1=4 8"},
		"a label of any name":       {"step,which,y\n0,train,1\n0,val,2\n1,train,3\n1,val,4\n", "step: train=1 3; val=2 4"},
		"a label that is missing":   {"step,tag,y\n0,a,1\n0,,2\n1,a,3\n1,,4\n", "step: a=1 3; no tag=2 4"},
		"a seed that does not vary": {"step,seed,y\n0,1,1\n1,1,3\n", "step: y=1 3"},
		"one bad cell":              {"tag,step,value\na,0,1\na,1,x\nb,0,3\nb,1,4\n", "step: a=!; b=3 4"},
		"steps of a tag alone":      {"tag,step,value\na,0,1\na,1,2\nb,7,3\nb,8,4\n", "step: a=1 2; b=3 4"},
		"names that run together": {"run,tag,step,value\na/b,c,0,1\na,b/c,0,2\na/b,c,1,3\na,b/c,1,4\n",
			"step: a/b/c=1 3; a/b/c′=2 4"},
	} {
		read, err := From("t.csv", strings.NewReader(c.table), Choice{})
		if got := summary(read); err != nil || got != c.want {
			t.Errorf("%s:\n%s, %v, want\n%s", name, got, err, c.want)
		}
	}
}

// Each error has its place.
func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		table  string
		choice Choice
		want   string
	}{
		"empty":             {"", Choice{}, "t.csv: wants a header"},
		"one column":        {"step\n1\n2\n", Choice{}, "t.csv: wants a header"},
		"no header":         {"0,5.0\n1,6\n", Choice{}, "t.csv:1: the first line holds numbers"},
		"no header below":   {"# a, b, c\n\n0,5.0\n1,6\n", Choice{}, "t.csv:3: the first line holds numbers"},
		"no header, text":   {"0,5.0,run\n50,6.0,run\n", Choice{}, "t.csv:1: the first line holds numbers"},
		"no header, label":  {"a,0,5.0\na,50,6.0\n", Choice{}, "t.csv:1: the first line holds numbers"},
		"JSON lines":        {"{\"step\": 1, \"y\": 2}\n", Choice{}, "t.csv: is JSON"},
		"too many cells":    {"step,y\n0,1\n1,2,3\n", Choice{}, "t.csv:3:5: line 3 has 3 cells, but the header has 2 names"},
		"decimal commas":    {"step,y\n0,1,5\n1,2,5\n", Choice{}, "t.csv:2:5: line 2 has 3 cells"},
		"a bare quote":      {"step,y\n0,1\n1,2\"3\n", Choice{}, `t.csv:3:4: bare " in non-quoted-field`},
		"a quote left open": {"step,y\n0,1\n1,\"2\n", Choice{}, "t.csv:3:6: extraneous or missing"},
		"a step of text":    {"step,y\n0,1\nx,2\n", Choice{}, `t.csv:3:1: column "step": "x" is not a number`},
		"a zero byte":       {"step,y\n0,1\n\x00,2\n", Choice{}, "t.csv:3: holds a zero byte"},
		"a workbook":        {"PK\x03\x04rest", Choice{}, "t.csv: is a workbook"},
		"unknown steps":     {"step,y\n0,1\n", Choice{Step: "stop"}, `t.csv: unknown column "stop", did you mean "step"`},
		"unknown series":    {"step,loss\n0,1\n", Choice{Series: []string{"los"}}, `t.csv: unknown series "los", did`},
		"a pattern of none": {"step,loss\n0,1\n", Choice{Series: []string{"a*"}}, `t.csv: unknown series "a*"`},
	} {
		if _, err := From("t.csv", strings.NewReader(c.table), c.choice); err == nil ||
			!strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if _, err := Read("nowhere.csv", Choice{}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// FuzzTable reads any bytes: it returns an error that names the file, or series with ascending steps and names that
// differ.
func FuzzTable(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.csv")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content, "", "", false)
	}
	f.Add([]byte("sep=;\nrun;tag;step;value\na;b;0;1,5\nb;b;1;NaN\n"), "step", "*b", false)
	f.Add([]byte("# a b\n1 2\n3 4"), "1", "b", true)
	f.Add([]byte(utf16LE("a\tb\n0\t1.000,5\n")), "", "", false)
	f.Fuzz(func(t *testing.T, content []byte, step, series string, bare bool) {
		c := Choice{Step: step, NoHeader: bare}
		if series != "" {
			c.Series = []string{series}
		}
		read, err := From("t.csv", bytes.NewReader(content), c)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "t.csv:") {
				t.Fatalf("an error without the file: %v", err)
			}
			return
		}
		seen := map[string]bool{}
		for _, s := range read.Series {
			if seen[s.Name] {
				t.Fatalf("two series are called %q", s.Name)
			}
			seen[s.Name] = true
			if len(s.Steps) != len(s.Values) || !slices.IsSorted(s.Steps) || s.Err != nil && len(s.Steps) > 0 {
				t.Fatalf("%+v", s)
			}
		}
	})
}

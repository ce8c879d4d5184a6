package archs

import (
	"slices"
	"testing"
)

// TestAbsorb: the logits of the absorbed model are those of the original, to float32's rounding over 16 channels.
func TestAbsorb(t *testing.T) {
	for _, change := range []func(c *Config){
		func(*Config) {},
		func(c *Config) { c.Tied = true },
		func(c *Config) { // what acts on the embedding between the projection and the blocks
			choose(t, &c.Norm, "dyt")
			c.Norm.Value.(*DyT).EmbedScale = true
			choose(t, &c.Position, "learned")
			c.Registers = 2
		},
	} {
		c := small()
		c.EmbedProj = true
		change(&c)
		m, w, dev := built(t, c, false, nil)
		run(t, m)
		want := double(m.Logits.Host())
		plain, absorbed, err := Absorb(c, dev, w)
		if err != nil {
			t.Fatal(err)
		}
		if plain.EmbedProj || plain.Tied || len(absorbed.Params()) != len(w.Params())-2+map[bool]int{true: 1}[c.Tied] {
			t.Fatalf("absorbed: projections %v, tied %v, %d parameters of %d", plain.EmbedProj, plain.Tied,
				len(absorbed.Params()), len(w.Params()))
		}
		n, err := Build(plain, Shape{Batch: 2, Tokens: 17}, dev, absorbed, nil)
		if err != nil {
			t.Fatal(err)
		}
		tokens, targets := batch(c)
		dev.UploadInts(n.Tokens, tokens)
		dev.UploadInts(n.Targets, targets)
		run(t, n)
		if e := distance(n.Logits.Host(), want) / slices.Max(want); !(e <= 1e-5) {
			t.Errorf("tied %v: the logits change by %.2g", c.Tied, e)
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		if _, _, err := Absorb(plain, dev, absorbed); err == nil {
			t.Error("there is nothing left to absorb, and no error")
		}
	}
}

package compute

// #include "kernels.h"
import "C"

import "math"

// rope is the key of a RoPE table.
type rope struct {
	t, turn int
	theta   float32
}

// Prepare implements Device.
func (c *CPU) Prepare(a Attention) error {
	if a.Rope {
		if err := c.tabulateRope(a); err != nil {
			return err
		}
	}
	if a.ALiBi {
		if err := c.tabulateALiBi(a.H); err != nil {
			return err
		}
	}
	need := int(C.oc_attend_scratch(c.attention(a)))
	if need <= len(c.scratch) {
		return nil
	}
	scratch, err := c.allocOwn(need)
	if err != nil {
		return err
	}
	c.scratch = scratch.Host()
	return nil
}

// attention returns a as an argument of the kernels.
func (c *CPU) attention(a Attention) C.oc_attention {
	o := C.oc_attention{B: C.long(a.B), T: C.long(a.T), H: C.long(a.H), KV: C.long(a.KV), E: C.long(a.E),
		extra: C.long(a.Keys() - a.T), mode: C.int(a.Weights), bias: C.float(a.Bias)}
	if a.Rope {
		table := c.ropes[rope{a.T, a.Turn, a.Theta}]
		o.pairs = C.long(a.Turn / 2)
		o.cosines, o.sines = floats(table.Slice(0, table.n/2)), floats(table.Slice(table.n/2, table.n))
	}
	if a.ALiBi {
		o.slopes = floats(c.slopes[a.H])
	}
	return o
}

// prepared returns a as an argument of the kernels, and their scratch. It panics if Prepare was not called.
func (c *CPU) prepared(a Attention) (C.oc_attention, *C.float) {
	o := c.attention(a)
	if a.Rope && o.cosines == nil || a.ALiBi && o.slopes == nil || int(C.oc_attend_scratch(o)) > len(c.scratch) {
		panic("compute: attention used before Prepare")
	}
	return o, (*C.float)(&c.scratch[0])
}

// tabulateRope tabulates cos and sin of t theta^(-2i/Turn), i < Turn/2 (arXiv 2104.09864), unless the table exists.
func (c *CPU) tabulateRope(a Attention) error {
	key := rope{a.T, a.Turn, a.Theta}
	if _, ok := c.ropes[key]; ok {
		return nil
	}
	half := a.Turn / 2
	table, err := c.allocOwn(2 * a.T * half)
	if err != nil {
		return err
	}
	host := table.Host()
	for t := range a.T {
		for j := range half {
			angle := float64(t) * math.Pow(float64(a.Theta), -2*float64(j)/float64(a.Turn))
			host[t*half+j], host[(a.T+t)*half+j] = float32(math.Cos(angle)), float32(math.Sin(angle))
		}
	}
	c.ropes[key] = table
	return nil
}

// tabulateALiBi tabulates the slopes of that many heads, unless the table exists.
func (c *CPU) tabulateALiBi(heads int) error {
	if _, ok := c.slopes[heads]; ok {
		return nil
	}
	table, err := c.allocOwn(heads)
	if err != nil {
		return err
	}
	for h, slope := range ALiBiSlopes(heads) {
		table.Host()[h] = float32(slope)
	}
	c.slopes[heads] = table
	return nil
}

// ALiBiSlopes returns the ALiBi slope of each of H = heads heads (arXiv 2108.12409). If H is a power of two, the slope
// of head h, counted from 1, is 2^(-8h/H). Otherwise, let P be the largest power of two below H: the first P slopes are
// those of P heads, and the others are the first, third, fifth and so on of those of 2P heads.
func ALiBiSlopes(heads int) []float64 {
	below := 1
	for 2*below <= heads {
		below *= 2
	}
	slopes := make([]float64, heads)
	for h := range slopes {
		if h < below {
			slopes[h] = math.Exp2(-8 * float64(h+1) / float64(below))
		} else {
			slopes[h] = math.Exp2(-8 * float64(2*(h-below)+1) / float64(2*below))
		}
	}
	return slopes
}

// Attend implements Device.
func (c *CPU) Attend(a Attention, y, lse, qkv Buffer, x Extra) {
	same(qkv.n, a.B*a.T*a.Row())
	same(y.n, a.B*a.T*a.H*a.E)
	same(lse.n, a.B*a.H*a.T)
	o, scratch := c.prepared(a)
	C.oc_attend(c.path, o, floats(y), floats(lse), floats(qkv), floats(x.K), floats(x.V), floats(x.Logit), scratch)
}

// AttendGrad implements Device.
func (c *CPU) AttendGrad(a Attention, dqkv Buffer, dx Extra, dy, y, lse, qkv Buffer, x Extra) {
	same(dqkv.n, qkv.n, a.B*a.T*a.Row())
	same(dy.n, y.n, a.B*a.T*a.H*a.E)
	same(dx.K.n, x.K.n)
	same(dx.V.n, x.V.n)
	same(dx.Logit.n, x.Logit.n)
	o, scratch := c.prepared(a)
	C.oc_attend_grad(c.path, o, floats(dqkv), floats(dx.K), floats(dx.V), floats(dx.Logit), floats(dy), floats(y),
		floats(lse), floats(qkv), floats(x.K), floats(x.V), floats(x.Logit), scratch)
}

// AttendPattern implements Device.
func (c *CPU) AttendPattern(a Attention, p, qkv Buffer, x Extra) {
	same(p.n, a.B*a.H*a.T*a.Keys())
	o, scratch := c.prepared(a)
	C.oc_attend_pattern(c.path, o, floats(p), floats(qkv), floats(x.K), floats(x.Logit), scratch)
}

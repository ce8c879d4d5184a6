package compute

// #include "kernels.h"
import "C"

import (
	"fmt"
	"math"
	"unsafe"
)

// ropeTable holds the cosines and sines [T, E/2] of t theta^(-2i/E) (arXiv 2104.09864).
type ropeTable struct {
	T, E           int
	theta          float32
	cosines, sines Buffer
}

// Attend computes softmax(q k^T / sqrt(E), causal) v and each row's log-sum-exp; see Device.
func (c *CPU) Attend(a Attention, y, lse, qkv, kb, vb Buffer) {
	check(a, qkv, kb)
	equal("attention: value bias", kb.n, vb.n)
	equal("attention", a.B*a.T*a.H*a.E, y.n)
	equal("attention: lse", a.B*a.H*a.T, lse.n)
	o, scratch := c.attention(a)
	C.oc_attend(c.table, o, at(y), at(lse), at(qkv), at(kb), at(vb), scratch)
}

// AttendGrad overwrites dqkv, and dkb and dvb with a KV bias; see Device.
func (c *CPU) AttendGrad(a Attention, dqkv, dkb, dvb, dy, y, lse, qkv, kb, vb Buffer) {
	check(a, qkv, kb)
	equal("attention gradient: bias", kb.n, vb.n, dkb.n, dvb.n)
	equal("attention gradient", qkv.n, dqkv.n)
	equal("attention gradient", a.B*a.T*a.H*a.E, y.n, dy.n)
	equal("attention gradient: lse", a.B*a.H*a.T, lse.n)
	o, scratch := c.attention(a)
	C.oc_attend_grad(c.table, o, at(dqkv), at(dkb), at(dvb), at(dy), at(y), at(lse), at(qkv), at(kb), at(vb), scratch)
}

// AttendPattern writes the attention pattern [B,H,T,Keys]; see Device.
func (c *CPU) AttendPattern(a Attention, p, qkv, kb Buffer) {
	check(a, qkv, kb)
	equal("attention pattern", a.B*a.H*a.T*a.Keys(), p.n)
	o, scratch := c.attention(a)
	C.oc_attend_pattern(c.table, o, at(p), at(qkv), at(kb), scratch)
}

func check(a Attention, qkv, kb Buffer) {
	if a.B <= 0 || a.T <= 0 || a.H <= 0 || a.E <= 0 || a.Rope && a.E%2 != 0 {
		panic(fmt.Sprintf("compute: attention of shape %+v", a))
	}
	equal("attention: qkv", 3*a.B*a.T*a.H*a.E, qkv.n)
	if a.KVBias {
		equal("attention: key bias", a.H*a.E, kb.n)
	} else {
		equal("attention: key bias", 0, kb.n)
	}
}

// attention describes a to C. The description lives in C's memory, beside the scratch memory.
func (c *CPU) attention(a Attention) (*C.oc_attention, *C.float) {
	extra := a.Keys() - a.T
	const header = 64 // bytes, at least sizeof(oc_attention)
	scratch := c.workspace(header/4 + C.oc_attend_scratch(c.table, C.long(a.T), C.long(a.E), C.long(extra)))
	o := (*C.oc_attention)(unsafe.Pointer(scratch))
	*o = C.oc_attention{B: C.long(a.B), T: C.long(a.T), H: C.long(a.H), E: C.long(a.E), extra: C.long(extra)}
	if a.Rope {
		r := c.ropeTable(a)
		o.cosines, o.sines = at(r.cosines), at(r.sines)
	}
	return o, (*C.float)(unsafe.Add(unsafe.Pointer(scratch), header))
}

// ropeTable returns the tables of a's context, width and theta, made at first use.
func (c *CPU) ropeTable(a Attention) *ropeTable {
	for i := range c.rope {
		if r := &c.rope[i]; r.T == a.T && r.E == a.E && r.theta == a.Theta {
			return r
		}
	}
	n := a.T * a.E / 2
	r := ropeTable{a.T, a.E, a.Theta, Buffer{c.scratch.alloc(4 * n), n}, Buffer{c.scratch.alloc(4 * n), n}}
	cosines, sines := r.cosines.Host(), r.sines.Host()
	for t := range a.T {
		for i := range a.E / 2 {
			angle := float64(t) * math.Pow(float64(a.Theta), -2*float64(i)/float64(a.E))
			cosines[t*a.E/2+i], sines[t*a.E/2+i] = float32(math.Cos(angle)), float32(math.Sin(angle))
		}
	}
	c.rope = append(c.rope, r)
	return &c.rope[len(c.rope)-1]
}

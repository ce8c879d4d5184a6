package ops

import (
	"fmt"

	"gorgonia.org/gorgonia"
)

// Program is a compiled graph. The first Run goes through gorgonia's tape machine and records each kernel call. Later
// runs repeat the recorded calls; they allocate nothing and start no goroutine.
type Program struct {
	ctx  *Context
	tape gorgonia.VM
}

// Compile compiles the whole graph. Add nothing to the graph afterwards.
func (c *Context) Compile() (*Program, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	c.countReaders()
	program, registers, err := gorgonia.Compile(c.graph)
	if err != nil {
		return nil, fmt.Errorf("ops: compiling the graph: %w", err)
	}
	tape := gorgonia.NewTapeMachine(c.graph, gorgonia.WithPrecompiled(program, registers), gorgonia.WithEngine(c.engine))
	return &Program{ctx: c, tape: tape}, nil
}

// Run computes every node of the graph.
func (p *Program) Run() error {
	done := false
	defer func() {
		if !done {
			p.ctx.giveUp()
		}
	}()
	if p.tape == nil {
		for _, call := range p.ctx.calls {
			call()
		}
	} else {
		err := p.tape.RunAll()
		if p.ctx.err != nil {
			err = p.ctx.err
		}
		if err != nil {
			return fmt.Errorf("ops: running the tape: %w", err)
		}
		if err := p.Close(); err != nil {
			return err
		}
	}
	done = true
	return nil
}

// Close releases gorgonia's tape machine. It does not free the memory of the values, which belongs to the device.
func (p *Program) Close() error {
	if p.tape == nil {
		return nil
	}
	err := p.tape.Close()
	p.tape = nil
	return err
}

package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// The register of coins answers which grade a coin was given. The grades are
// kept by the vault, reached over one link that carries many questions at
// once. A frame is a head byte (3 bits kind, 5 bits tag) and a serial number;
// the answer repeats the head and adds the grade.

const (
	mintTags      = 32
	mintKindGrade = 1 << 5
	mintFrame     = 5
	mintAnswer    = 6
	mintPatience  = 3 * time.Second
)

// mintTagger hands out the tags by which answers are told apart.
type mintTagger interface {
	take(ctx context.Context) (byte, error)
	give(tag byte)
}

// mintTagPool keeps the tags that are not in use.
type mintTagPool struct {
	free chan byte
}

func newMintTagPool() *mintTagPool {
	p := &mintTagPool{free: make(chan byte, mintTags)}
	for t := 0; t < mintTags; t++ {
		p.free <- byte(t)
	}
	return p
}

func (p *mintTagPool) take(ctx context.Context) (byte, error) {
	select {
	case t := <-p.free:
		return t, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (p *mintTagPool) give(tag byte) {
	p.free <- tag
}

// mintTagCounter numbers the questions one after the other.
type mintTagCounter struct {
	seq atomic.Uint32
}

func (c *mintTagCounter) take(ctx context.Context) (byte, error) {
	return byte(c.seq.Add(1) % mintTags), ctx.Err() // guilty
}

func (c *mintTagCounter) give(byte) {}

// mintLink is the client's end of the line to the vault.
type mintLink struct {
	conn    net.Conn
	tags    mintTagger
	sendMu  sync.Mutex
	mu      sync.Mutex
	pending [mintTags]chan byte
}

func newMintLink(addr string, tags mintTagger) (*mintLink, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	l := &mintLink{conn: conn, tags: tags}
	go l.receive()
	return l, nil
}

func (l *mintLink) receive() {
	in := bufio.NewReader(l.conn)
	var frame [mintAnswer]byte
	for {
		if _, err := io.ReadFull(in, frame[:]); err != nil {
			return
		}
		tag := frame[0] & (mintTags - 1)
		l.mu.Lock()
		waiter := l.pending[tag]
		l.pending[tag] = nil
		l.mu.Unlock()
		if waiter != nil {
			waiter <- frame[5]
		}
		l.tags.give(tag)
	}
}

func (l *mintLink) send(tag byte, serial uint32) error {
	var frame [mintFrame]byte
	frame[0] = mintKindGrade | tag
	binary.BigEndian.PutUint32(frame[1:], serial)
	l.sendMu.Lock()
	defer l.sendMu.Unlock()
	_, err := l.conn.Write(frame[:])
	return err
}

func (l *mintLink) grade(ctx context.Context, serial uint32) (byte, error) {
	tag, err := l.tags.take(ctx)
	if err != nil {
		return 0, err
	}
	waiter := make(chan byte, 1)
	l.mu.Lock()
	l.pending[tag] = waiter
	l.mu.Unlock()
	if err := l.send(tag, serial); err != nil {
		return 0, err
	}
	select {
	case g := <-waiter:
		return g, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// mintVault answers every question in its own time: the drawers are near,
// the deep store takes a walk.
func mintVault(conn net.Conn) {
	var mu sync.Mutex
	in := bufio.NewReader(conn)
	for {
		var ask [mintFrame]byte
		if _, err := io.ReadFull(in, ask[:]); err != nil {
			return
		}
		go func() {
			serial := binary.BigEndian.Uint32(ask[1:])
			walk := 4 * time.Millisecond
			if serial%125 == 60 {
				walk = time.Duration(240+serial/125%9*10) * time.Millisecond
			}
			time.Sleep(walk)
			var answer [mintAnswer]byte
			copy(answer[:], ask[:])
			answer[5] = byte(50 + serial%21)
			mu.Lock()
			defer mu.Unlock()
			conn.Write(answer[:])
		}()
	}
}

func mintRegister(broken bool) http.Handler {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go mintVault(conn)
		}
	}()
	var tags mintTagger = newMintTagPool()
	if broken {
		tags = &mintTagCounter{}
	}
	link, err := newMintLink(ln.Addr().String(), tags)
	if err != nil {
		panic(err)
	}
	var coins atomic.Uint32
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), mintPatience)
		defer cancel()
		serial := coins.Add(1)
		g, err := link.grade(ctx, serial)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			http.Error(w, "vault gave no answer", http.StatusGatewayTimeout)
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadGateway)
		default:
			fmt.Fprintf(w, "coin %d grade MS%d\n", serial, g)
		}
	})
}

package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// The fare office sells seats. The book of sold seats is an immutable page
// that is replaced by its successor; the fare comes from the yield service,
// which is asked over the wire.

const (
	railRoutes = 24
	railLines  = 32
)

// railPage is one state of the book.
type railPage struct {
	edition uint64
	seats   [railRoutes]uint32
	revenue [railRoutes]uint64
}

// with is the page after one more sale.
func (p *railPage) with(s railSale) *railPage {
	next := *p
	next.edition++
	next.seats[s.route]++
	next.revenue[s.route] += uint64(s.cents)
	return &next
}

type railSale struct {
	route int
	cents uint32
}

// railYield asks the yield service for fares over a set of open lines.
type railYield struct {
	idle chan *bufio.ReadWriter
}

func newRailYield(addr string) (*railYield, error) {
	y := &railYield{idle: make(chan *bufio.ReadWriter, railLines)}
	for i := 0; i < railLines; i++ {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return nil, err
		}
		y.idle <- bufio.NewReadWriter(bufio.NewReader(conn), bufio.NewWriter(conn))
	}
	return y, nil
}

func (y *railYield) fare(route int) (railSale, error) {
	line := <-y.idle
	defer func() { y.idle <- line }()
	var word [4]byte
	binary.BigEndian.PutUint32(word[:], uint32(route))
	if _, err := line.Write(word[:]); err != nil {
		return railSale{}, err
	}
	if err := line.Flush(); err != nil {
		return railSale{}, err
	}
	if _, err := io.ReadFull(line, word[:]); err != nil {
		return railSale{}, err
	}
	return railSale{route: route, cents: binary.BigEndian.Uint32(word[:])}, nil
}

// railYieldServer answers on one line.
func railYieldServer(conn net.Conn) {
	defer conn.Close()
	var word [4]byte
	for {
		if _, err := io.ReadFull(conn, word[:]); err != nil {
			return
		}
		route := binary.BigEndian.Uint32(word[:])
		time.Sleep(7 * time.Millisecond)
		binary.BigEndian.PutUint32(word[:], 1900+route*275)
		if _, err := conn.Write(word[:]); err != nil {
			return
		}
	}
}

// railBook is the current page.
type railBook struct {
	page atomic.Pointer[railPage]
}

// update replaces the page by what change makes of it; change is called with
// the page it has to start from.
func (b *railBook) update(change func(*railPage) (*railPage, error)) (*railPage, error) {
	for {
		old := b.page.Load()
		next, err := change(old)
		if err != nil {
			return nil, err
		}
		if b.page.CompareAndSwap(old, next) {
			return next, nil
		}
	}
}

// railOffice sells seats and enters them into the book.
type railOffice struct {
	book  railBook
	yield *railYield
	count atomic.Uint32
}

// sellQuoted has the fare before it turns to the book.
func (o *railOffice) sellQuoted(route int) (*railPage, error) {
	sale, err := o.yield.fare(route)
	if err != nil {
		return nil, err
	}
	return o.book.update(func(p *railPage) (*railPage, error) {
		return p.with(sale), nil
	})
}

// sellEntered prices and enters the seat in one go.
func (o *railOffice) sellEntered(route int) (*railPage, error) {
	return o.book.update(func(p *railPage) (*railPage, error) {
		sale, err := o.yield.fare(route) // guilty
		if err != nil {
			return nil, err
		}
		return p.with(sale), nil
	})
}

func railFares(broken bool) http.Handler {
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
			go railYieldServer(conn)
		}
	}()
	yield, err := newRailYield(ln.Addr().String())
	if err != nil {
		panic(err)
	}
	office := &railOffice{yield: yield}
	office.book.page.Store(&railPage{})
	sell := office.sellQuoted
	if broken {
		sell = office.sellEntered
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route := int(office.count.Add(1) % railRoutes)
		page, err := sell(route)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		fmt.Fprintf(w, "route %d seat %d edition %d\n", route, page.seats[route], page.edition)
	})
}

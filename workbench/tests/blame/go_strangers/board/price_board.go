package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand"
	"net"
	"net/http"
	"sync"
	"time"
)

// Live grain prices. A feed changes single quotes all the time, visitors read a page of the
// board, and a mirror in another town is sent the whole board page by page.

type grainQuote struct {
	Lot   int     `json:"lot"`
	Grain string  `json:"grain"`
	Bid   float64 `json:"bid"`
	Ask   float64 `json:"ask"`
}

const mirrorPage = 240

var grains = []string{"wheat", "rye", "barley", "oats", "maize"}

type board struct {
	mu     sync.RWMutex
	quotes []grainQuote
}

type mirrorLink struct {
	sock net.Conn
	in   *bufio.Reader
}

// ship sends one page and waits until the mirror has it
func (m *mirrorLink) ship(page []grainQuote) error {
	line, err := json.Marshal(page)
	if err != nil {
		return err
	}
	if _, err := m.sock.Write(append(line, '\n')); err != nil {
		return err
	}
	_, err = m.in.ReadString('\n')
	return err
}

func (b *board) update(lot int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := &b.quotes[lot]
	q.Bid += rand.Float64() - 0.5
	q.Ask = q.Bid + 0.4
}

func (b *board) feed() {
	for range time.Tick(4 * time.Millisecond) {
		b.update(rand.Intn(len(b.quotes)))
	}
}

func (b *board) page(from, n int) []grainQuote {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return append([]grainQuote(nil), b.quotes[from:from+n]...)
}

// mirrorWhole sends a consistent picture of the board
func (b *board) mirrorWhole(m *mirrorLink) error {
	b.mu.RLock() // guilty
	defer b.mu.RUnlock()
	for from := 0; from < len(b.quotes); from += mirrorPage {
		if err := m.ship(b.quotes[from : from+mirrorPage]); err != nil { // guilty
			return err
		}
	}
	return nil
}

func (b *board) mirrorCopy(m *mirrorLink) error {
	all := b.page(0, len(b.quotes))
	for from := 0; from < len(all); from += mirrorPage {
		if err := m.ship(all[from : from+mirrorPage]); err != nil {
			return err
		}
	}
	return nil
}

// farMirror stands for the mirror: a line of about eight milliseconds there and back
func farMirror(l net.Listener) {
	c, err := l.Accept()
	must(err)
	in := bufio.NewReader(c)
	for {
		if _, err := in.ReadSlice('\n'); err != nil && err != bufio.ErrBufferFull {
			return
		} else if err == bufio.ErrBufferFull {
			continue
		}
		time.Sleep(8 * time.Millisecond)
		c.Write([]byte("ok\n"))
	}
}

func connectMirror() *mirrorLink {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go farMirror(l)
	sock, err := net.Dial("tcp", l.Addr().String())
	must(err)
	return &mirrorLink{sock, bufio.NewReader(sock)}
}

func (b *board) replicate(m *mirrorLink, send func(*mirrorLink) error) {
	for {
		if err := send(m); err != nil {
			fmt.Println("mirror:", err)
			return
		}
		time.Sleep(30 * time.Millisecond)
	}
}

func priceBoard(broken bool, port string) {
	b := &board{quotes: make([]grainQuote, 5*mirrorPage)}
	for i := range b.quotes {
		bid := 180 + 60*rand.Float64()
		b.quotes[i] = grainQuote{i, grains[i%len(grains)], bid, bid + 0.4}
	}
	go b.feed()
	if broken {
		go b.replicate(connectMirror(), b.mirrorWhole)
	} else {
		go b.replicate(connectMirror(), b.mirrorCopy)
	}
	serve(port, func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(b.page(rand.Intn(len(b.quotes)-20), 20))
	})
}

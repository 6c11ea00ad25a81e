package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A warehouse keeps its shelves in memory, takes reservations over HTTP and
// mirrors the shelves page by page to the stand-by site.

const (
	shelfCount = 400
	mirrorPage = 50
)

type shelf struct {
	SKU      string `json:"sku"`
	Aisle    int    `json:"aisle"`
	OnHand   int    `json:"on_hand"`
	Reserved int    `json:"reserved"`
}

type warehouse struct {
	mu      sync.RWMutex
	shelves []shelf
	version uint64
}

func newWarehouse() *warehouse {
	w := &warehouse{}
	for i := 0; i < shelfCount; i++ {
		w.shelves = append(w.shelves, shelf{SKU: fmt.Sprintf("SKU-%05d", i*37), Aisle: i % 24, OnHand: 500})
	}
	return w
}

func (w *warehouse) reserve(i int) shelf {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &w.shelves[i]
	if s.OnHand == 0 {
		s.OnHand, s.Reserved = s.Reserved, 0
	}
	s.OnHand--
	s.Reserved++
	w.version++
	return *s
}

func (w *warehouse) neighbours(aisle int) []string {
	w.mu.RLock()
	defer w.mu.RUnlock()
	var out []string
	for i := range w.shelves {
		if w.shelves[i].Aisle == aisle && w.shelves[i].OnHand > 0 && len(out) < 5 {
			out = append(out, w.shelves[i].SKU)
		}
	}
	return out
}

type mirrorLink struct {
	conn net.Conn
	acks *bufio.Reader
}

func dialMirror(addr string) *mirrorLink {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		log.Fatal(err)
	}
	return &mirrorLink{conn: c, acks: bufio.NewReader(c)}
}

// sendPage writes one page and returns once the stand-by has it on disk.
func (m *mirrorLink) sendPage(page []shelf) error {
	b, err := json.Marshal(page)
	if err != nil {
		return err
	}
	if _, err = m.conn.Write(append(b, '\n')); err != nil {
		return err
	}
	_, err = m.acks.ReadString('\n')
	return err
}

// mirrorShelves sends a consistent view of all shelves.
func (w *warehouse) mirrorShelves(m *mirrorLink) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for at := 0; at < len(w.shelves); at += mirrorPage {
		if err := m.sendPage(w.shelves[at : at+mirrorPage]); err != nil { // guilty
			return err
		}
	}
	return nil
}

// mirrorCopy sends a consistent view of all shelves from a copy.
func (w *warehouse) mirrorCopy(m *mirrorLink) error {
	w.mu.RLock()
	view := append([]shelf(nil), w.shelves...)
	w.mu.RUnlock()
	for at := 0; at < len(view); at += mirrorPage {
		if err := m.sendPage(view[at : at+mirrorPage]); err != nil {
			return err
		}
	}
	return nil
}

func runMirror(w *warehouse, m *mirrorLink, broken bool) {
	for {
		pass := w.mirrorCopy
		if broken {
			pass = w.mirrorShelves
		}
		if err := pass(m); err != nil {
			log.Fatal("mirror: ", err)
		}
		time.Sleep(15 * time.Millisecond)
	}
}

// standBy plays the other site: about 3 ms away, acknowledges each page.
func standBy() string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		in := bufio.NewReader(c)
		for {
			if _, err := in.ReadSlice('\n'); err != nil && err != bufio.ErrBufferFull {
				return
			} else if err == nil {
				time.Sleep(3 * time.Millisecond)
				c.Write([]byte("ok\n"))
			}
		}
	}()
	return ln.Addr().String()
}

func stockMirror(broken bool) http.HandlerFunc {
	w := newWarehouse()
	go runMirror(w, dialMirror(standBy()), broken)
	var orders atomic.Uint64
	return func(rw http.ResponseWriter, r *http.Request) {
		n := orders.Add(1)
		s := w.reserve(int(n*131) % shelfCount)
		json.NewEncoder(rw).Encode(map[string]any{"order": n, "shelf": s, "also": w.neighbours(s.Aisle)})
	}
}

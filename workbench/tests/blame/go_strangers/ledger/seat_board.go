package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A theatre's seat board: visitors look at free seats, the box office books
// and cancels all the time, and a ticket partner is kept up to date.

type hall struct {
	Name   string `json:"name"`
	Taken  []bool `json:"taken"`
	Change int    `json:"change"`
}

type seatBoard struct {
	mu      sync.RWMutex
	halls   []*hall
	next    atomic.Int64
	partner *partnerClient
}

type partnerClient struct {
	url string
	hc  *http.Client
}

func (p *partnerClient) send(body []byte) error {
	resp, err := p.hc.Post(p.url, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

func newSeatBoard(partner *partnerClient) *seatBoard {
	b := &seatBoard{partner: partner}
	for i := 0; i < 12; i++ {
		b.halls = append(b.halls, &hall{Name: fmt.Sprintf("hall-%02d", i+1), Taken: make([]bool, 240)})
	}
	return b
}

// book flips one seat, as the box office's terminals do.
func (b *seatBoard) book(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.halls[n%len(b.halls)]
	seat := (n * 31) % len(h.Taken)
	h.Taken[seat] = !h.Taken[seat]
	h.Change++
}

func (b *seatBoard) boxOffice() {
	for n := 0; ; n++ {
		b.book(n)
		time.Sleep(4 * time.Millisecond)
	}
}

func (b *seatBoard) free(i int) (string, int, int) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	h := b.halls[i%len(b.halls)]
	n := 0
	for _, t := range h.Taken {
		if !t {
			n++
		}
	}
	return h.Name, n, h.Change
}

// pushHall sends one hall's plan to the partner.
func (b *seatBoard) pushHall(i int) error {
	b.mu.RLock() // guilty
	defer b.mu.RUnlock()
	body, err := json.Marshal(b.halls[i])
	if err != nil {
		return err
	}
	return b.partner.send(body) // guilty
}

func (b *seatBoard) planOf(i int) ([]byte, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return json.Marshal(b.halls[i])
}

func (b *seatBoard) pushPlan(i int) error {
	body, err := b.planOf(i)
	if err != nil {
		return err
	}
	return b.partner.send(body)
}

func (b *seatBoard) keepPartnerFresh(push func(int) error) {
	for i := 0; ; i++ {
		if err := push(i % len(b.halls)); err != nil {
			log.Print("partner: ", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (b *seatBoard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, n, rev := b.free(int(b.next.Add(1)))
	w.Header().Set("Content-Type", "text/plain")
	fmt.Fprintf(w, "%s: %d seats free (revision %d)\n", name, n, rev)
}

// startPartner is the ticket partner's side; it takes its time to confirm.
func startPartner() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		time.Sleep(25 * time.Millisecond)
		w.WriteHeader(http.StatusNoContent)
	}))
	return "http://" + ln.Addr().String() + "/plans", nil
}

func runSeatBoard(broken bool, addr string) error {
	url, err := startPartner()
	if err != nil {
		return err
	}
	b := newSeatBoard(&partnerClient{url: url, hc: &http.Client{Timeout: 2 * time.Second}})
	go b.boxOffice()
	if broken {
		go b.keepPartnerFresh(b.pushHall)
	} else {
		go b.keepPartnerFresh(b.pushPlan)
	}
	return http.ListenAndServe(addr, b)
}

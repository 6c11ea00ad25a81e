package main

// Card switch: turns a till's request into an authorisation message for the
// issuer, and hands the issuer's asynchronous reply back to the waiting till.

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

type authMessage struct {
	Ref    string
	PAN    string
	Cents  int
	Mac    uint64
	SentAt time.Time
}

type authReply struct {
	Ref      string
	Approved bool
	Code     string
}

// issuerLink is the line to the issuer; replies come in any order.
type issuerLink struct {
	out     chan authMessage
	onReply func(authReply)
}

func (l *issuerLink) run() {
	for m := range l.out {
		decision := authReply{Ref: m.Ref, Approved: m.Cents < 9500, Code: fmt.Sprintf("%06d", m.Mac%1000000)}
		roundTrip := 2*time.Millisecond + time.Duration(rand.IntN(6000))*time.Microsecond
		time.AfterFunc(roundTrip, func() { l.onReply(decision) })
	}
}

type switchDesk struct {
	mu      sync.Mutex
	waiting map[string]chan authReply
	trace   atomic.Uint64
	late    atomic.Uint64
	link    *issuerLink
	cards   []string
}

// parkByTrace files the till under a system trace number.
func (s *switchDesk) parkByTrace(pan string) (string, chan authReply) {
	ref := fmt.Sprintf("%s-%06d", pan[len(pan)-4:], s.trace.Add(1))
	ch := make(chan authReply, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[ref] = ch
	return ref, ch
}

// parkByCard files the till under the card it is charging.
func (s *switchDesk) parkByCard(pan string) (string, chan authReply) {
	s.trace.Add(1)
	ch := make(chan authReply, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[pan] = ch // guilty
	return pan, ch
}

func (s *switchDesk) settle(r authReply) {
	s.mu.Lock()
	ch, ok := s.waiting[r.Ref]
	delete(s.waiting, r.Ref)
	s.mu.Unlock()
	if !ok {
		s.late.Add(1)
		return
	}
	ch <- r
}

func macOf(pan string, cents int) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s|%d", pan, cents)
	return h.Sum64()
}

func newCardBook(n int) []string {
	book := make([]string, n)
	for i := range book {
		book[i] = fmt.Sprintf("540012%010d", 7919*(i+1))
	}
	return book
}

func receipt(pan string, cents int, r authReply) string {
	word := "DECLINED"
	if r.Approved {
		word = "APPROVED"
	}
	return fmt.Sprintf("card **** %s\namount %d.%02d\n%s %s\n", pan[len(pan)-4:], cents/100, cents%100, word, r.Code)
}

func cardSwitch(broken bool) http.HandlerFunc {
	desk := &switchDesk{waiting: map[string]chan authReply{}, cards: newCardBook(100)}
	desk.link = &issuerLink{out: make(chan authMessage, 64), onReply: desk.settle}
	go desk.link.run()
	park := desk.parkByTrace
	if broken {
		park = desk.parkByCard
	}
	return func(w http.ResponseWriter, r *http.Request) {
		pan := desk.cards[rand.IntN(len(desk.cards))]
		cents := 100 + rand.IntN(9900)
		ref, answer := park(pan)
		desk.link.out <- authMessage{Ref: ref, PAN: pan, Cents: cents, Mac: macOf(pan, cents), SentAt: time.Now()}
		reply := <-answer
		fmt.Fprint(w, receipt(pan, cents, reply))
	}
}

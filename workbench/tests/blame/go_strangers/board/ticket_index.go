package main

import (
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"strings"
	"time"
)

// Full-text lookup over support tickets. One goroutine owns the index, so it needs no lock:
// edited tickets and questions are sent to it. Edits come in packs from the mail importer; the
// word stems are made by a language service next door.

type ticket struct {
	id   int
	text string
}

type question struct {
	word  string
	reply chan []int
}

type index struct {
	words map[string]map[int]int
	terms map[int][]string
	edits chan ticket
	asks  chan question
	url   string
}

var vocabulary = strings.Fields(`printer invoice password reset login screen crash update refund parcel late broken
	keyboard mouse battery license expired account locked upload download slow error page order missing
	address change cancel delivery courier phone signal router cable adapter monitor flicker sound noise`)

func normalise(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return strings.ContainsRune(" ,.!", r) })
}

func (ix *index) stems(text string) ([]string, error) {
	resp, err := http.Post(ix.url, "text/plain", strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	return strings.Fields(string(out)), err
}

// stemmer stands for the language service, two milliseconds away
func stemmer() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		time.Sleep(2 * time.Millisecond)
		for _, word := range normalise(string(text)) {
			fmt.Fprintln(w, strings.TrimSuffix(word, "s"))
		}
	}))
	return "http://" + l.Addr().String() + "/"
}

func (ix *index) add(t ticket) {
	terms, err := ix.stems(t.text)
	if err != nil {
		fmt.Println("stemmer:", err)
		return
	}
	for _, w := range ix.terms[t.id] {
		delete(ix.words[w], t.id)
	}
	for _, w := range terms {
		if ix.words[w] == nil {
			ix.words[w] = map[int]int{}
		}
		ix.words[w][t.id]++
	}
	ix.terms[t.id] = terms
}

func (ix *index) find(word string) []int {
	var best []int
	for id, n := range ix.words[word] {
		if n > 1 && len(best) < 10 {
			best = append(best, id)
		}
	}
	return best
}

// ownFresh keeps the index up to date before anything is read from it
func (ix *index) ownFresh() {
	for {
		select {
		case t := <-ix.edits: // guilty
			ix.add(t) // guilty
			continue
		default:
		}
		select {
		case t := <-ix.edits:
			ix.add(t)
		case q := <-ix.asks:
			q.reply <- ix.find(q.word)
		}
	}
}

func (ix *index) ownPrompt() {
	for {
		select {
		case q := <-ix.asks:
			q.reply <- ix.find(q.word)
			continue
		default:
		}
		select {
		case t := <-ix.edits:
			ix.add(t)
		case q := <-ix.asks:
			q.reply <- ix.find(q.word)
		}
	}
}

func composeMail() string {
	var b strings.Builder
	for i := 0; i < 40; i++ {
		b.WriteString(vocabulary[rand.Intn(len(vocabulary))])
		b.WriteString([]string{" ", ", ", ". ", "! "}[i%4])
	}
	return b.String()
}

func importMail(edits chan<- ticket) {
	for range time.Tick(120 * time.Millisecond) {
		for i := 0; i < 36; i++ {
			edits <- ticket{rand.Intn(900), composeMail()}
		}
	}
}

func ticketIndex(broken bool, port string) {
	ix := &index{words: map[string]map[int]int{}, terms: map[int][]string{}, edits: make(chan ticket, 256), asks: make(chan question), url: stemmer()}
	own := ix.ownPrompt
	if broken {
		own = ix.ownFresh
	}
	go own()
	go importMail(ix.edits)
	serve(port, func(w http.ResponseWriter, r *http.Request) {
		q := question{vocabulary[rand.Intn(len(vocabulary))], make(chan []int, 1)}
		ix.asks <- q
		fmt.Fprintf(w, "%s: %v\n", q.word, <-q.reply)
	})
}

package main

// The news feed with "resume where you left": the last page a reader saw is kept, for the
// most recent readers only, so that the next visit can tell how many posts are new.

import (
	"container/list"
	"fmt"
	"math/rand"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	keptReaders = 128
	readerCount = 120
	pagePosts   = 100
)

type feedPost struct {
	id    uint64
	title string
}

type feedPage struct {
	reader string
	newest uint64
	text   string
	seen   time.Time
}

type lastPages struct {
	mu       sync.Mutex
	byReader map[string]*list.Element
	order    *list.List // most recent first
}

func (l *lastPages) get(reader string) (*feedPage, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	el, ok := l.byReader[reader]
	if !ok {
		return nil, false
	}
	l.order.MoveToFront(el)
	return el.Value.(*feedPage), true
}

// keep makes p the reader's last page.
func (l *lastPages) keep(p *feedPage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byReader[p.reader] = l.order.PushFront(p) // guilty
	l.trim()
}

// swap makes p the reader's last page in the place of the former one.
func (l *lastPages) swap(p *feedPage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if el, ok := l.byReader[p.reader]; ok {
		el.Value = p
		l.order.MoveToFront(el)
		return
	}
	l.byReader[p.reader] = l.order.PushFront(p)
	l.trim()
}

func (l *lastPages) trim() {
	for len(l.byReader) > keptReaders {
		oldest := l.order.Back()
		l.order.Remove(oldest)
		delete(l.byReader, oldest.Value.(*feedPage).reader)
	}
}

type newsRoom struct {
	latest atomic.Uint64
	topics []string
}

func (n *newsRoom) post(id uint64) feedPost {
	a, b := n.topics[id%uint64(len(n.topics))], n.topics[id*7%uint64(len(n.topics))]
	return feedPost{id, a + " and " + b + ": what the council decided, and who has to pay for it in the coming year"}
}

func (n *newsRoom) page(reader string) *feedPage {
	newest := n.latest.Add(uint64(rand.Intn(2)))
	var text strings.Builder
	text.Grow(pagePosts * 144)
	for i := uint64(0); i < pagePosts; i++ {
		p := n.post(newest - i)
		fmt.Fprintf(&text, "#%d %s\n", p.id, p.title)
	}
	return &feedPage{reader, newest, text.String(), time.Now()}
}

func greeting(before *feedPage, now *feedPage) string {
	if before == nil {
		return "welcome, " + now.reader
	}
	return fmt.Sprintf("welcome back, %s: %d new since %s", now.reader,
		now.newest-before.newest, before.seen.Format("15:04:05"))
}

func resumeFeedMain(broken bool) http.HandlerFunc {
	pages := &lastPages{byReader: map[string]*list.Element{}, order: list.New()}
	remember := pages.swap
	if broken {
		remember = pages.keep
	}
	news := &newsRoom{topics: []string{"harbour", "school", "tramway", "market hall", "library", "swimming pool", "north bridge"}}
	news.latest.Store(10_000)
	return func(w http.ResponseWriter, r *http.Request) {
		reader := fmt.Sprintf("reader-%03d", rand.Intn(readerCount))
		before, _ := pages.get(reader)
		page := news.page(reader)
		remember(page)
		reply(w, greeting(before, page)+"\n\n"+page.text)
	}
}

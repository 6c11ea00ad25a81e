package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math/rand"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// A permissions service. Each decision is written, with the policy rules that were looked at,
// to an audit file; files are rolled over at a megabyte and the last few are kept.

const (
	rollAt   = 1 << 20
	keepLast = 4
)

type rule struct {
	ID       int    `json:"id"`
	Subject  string `json:"subject"`
	Resource string `json:"resource"`
	Verb     string `json:"verb"`
	Allow    bool   `json:"allow"`
	Token    string `json:"token"`
}

type decision struct {
	At      time.Time `json:"at"`
	User    string    `json:"user"`
	Allowed bool      `json:"allowed"`
	Rules   []rule    `json:"rules"`
}

type trail struct {
	mu     sync.Mutex
	dir    string
	file   *os.File
	size   int
	serial int
	pack   bool
}

func (t *trail) livePath() string { return filepath.Join(t.dir, "audit.log") }

func (t *trail) oldPath(n int) string { return filepath.Join(t.dir, fmt.Sprintf("audit-%06d", n)) }

func (t *trail) open() error {
	f, err := os.Create(t.livePath())
	t.file, t.size = f, 0
	return err
}

func (t *trail) dropOld() {
	os.Remove(t.oldPath(t.serial-keepLast) + ".gz")
	os.Remove(t.oldPath(t.serial-keepLast) + ".log")
}

// archive rolls the live file over into a numbered .gz
func (t *trail) archive() error {
	t.serial++
	out, err := os.Create(t.oldPath(t.serial) + ".gz")
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := t.file.Seek(0, 0); err != nil {
		return err
	}
	buf := bufio.NewWriter(out)
	zip, _ := gzip.NewWriterLevel(buf, gzip.BestCompression)
	if _, err := bufio.NewReaderSize(t.file, 64<<10).WriteTo(zip); err != nil { // guilty
		return err
	}
	zip.Close() // guilty
	buf.Flush()
	t.file.Close()
	t.dropOld()
	return t.open()
}

// shelve rolls the live file over into a numbered .log; the nightly job packs those
func (t *trail) shelve() error {
	t.serial++
	t.file.Close()
	if err := os.Rename(t.livePath(), t.oldPath(t.serial)+".log"); err != nil {
		return err
	}
	t.dropOld()
	return t.open()
}

func (t *trail) write(line []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, err := t.file.Write(line)
	t.size += n
	if err != nil || t.size < rollAt {
		return err
	}
	if t.pack {
		return t.archive()
	}
	return t.shelve()
}

func policyBook() []rule {
	verbs := []string{"read", "write", "share", "delete"}
	book := make([]rule, 600)
	for i := range book {
		book[i] = rule{i, fmt.Sprintf("group-%d", rand.Intn(40)), fmt.Sprintf("folder/%d/%d", rand.Intn(90), i),
			verbs[i%4], rand.Intn(3) > 0, fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64())}
	}
	return book
}

func decide(book []rule) decision {
	d := decision{At: time.Now(), User: fmt.Sprintf("u%05d", rand.Intn(90000)), Allowed: true}
	for i := 0; i < 50; i++ {
		seen := book[rand.Intn(len(book))]
		d.Rules = append(d.Rules, seen)
		d.Allowed = d.Allowed && (seen.Allow || i%5 != 0)
	}
	return d
}

func auditTrail(broken bool, port string) {
	book := policyBook()
	log := &trail{dir: stateDir("audit-trail", port), pack: broken}
	must(log.open())
	serve(port, func(w http.ResponseWriter, r *http.Request) {
		d := decide(book)
		line, err := json.Marshal(d)
		if err == nil {
			err = log.write(append(line, '\n'))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, "%s allowed=%v\n", d.User, d.Allowed)
	})
}

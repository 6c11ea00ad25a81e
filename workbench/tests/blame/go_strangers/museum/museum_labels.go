package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

// Wall labels for a museum's tablets. Labels are composed from the archive;
// visitors standing before the same object share one composition.

const objectCount = 220

var errCheckedOut = errors.New("record is checked out by a curator")

type objectRecord struct {
	title, maker string
	year         int
	notes        string
	checkedOut   bool
}

type museumArchive struct {
	objects []objectRecord
}

func openArchive() *museumArchive {
	a := &museumArchive{}
	for i := 0; i < objectCount; i++ {
		a.objects = append(a.objects, objectRecord{
			title:      fmt.Sprintf("Vessel no. %d", i),
			maker:      []string{"unknown", "Workshop of Delft", "A. Roentgen", "Sèvres"}[i%4],
			year:       1500 + (i*17)%400,
			notes:      strings.Repeat("glazed earthenware, restored; ", 12),
			checkedOut: i == 113,
		})
	}
	return a
}

// compose builds the label text and its revision mark.
func (a *museumArchive) compose(id int) (string, error) {
	o := &a.objects[id]
	if o.checkedOut {
		return "", errCheckedOut
	}
	text := fmt.Sprintf("%s\n%s, %d\n%s\n", o.title, o.maker, o.year, strings.TrimSuffix(o.notes, "; "))
	sum := sha256.Sum256([]byte(text))
	for i := 0; i < 50; i++ {
		sum = sha256.Sum256(sum[:])
	}
	return text + "rev " + hex.EncodeToString(sum[:6]) + "\n", nil
}

type labelCall struct {
	done chan struct{}
	text string
	err  error
}

type labelDesk struct {
	archive *museumArchive
	mu      sync.Mutex
	calls   map[int]*labelCall
}

// label composes the label of an object, once for all who ask meanwhile.
func (d *labelDesk) label(id int) (string, error) {
	d.mu.Lock()
	if c, ok := d.calls[id]; ok {
		d.mu.Unlock()
		<-c.done
		return c.text, c.err
	}
	c := &labelCall{done: make(chan struct{})}
	d.calls[id] = c
	d.mu.Unlock()

	text, err := d.archive.compose(id)
	if err != nil {
		return "", fmt.Errorf("object %d: %w", id, err) // guilty
	}
	c.text = text
	close(c.done)

	d.mu.Lock()
	delete(d.calls, id)
	d.mu.Unlock()
	return text, nil
}

// labelShared composes the label of an object, once for all who ask meanwhile.
func (d *labelDesk) labelShared(id int) (string, error) {
	d.mu.Lock()
	if c, ok := d.calls[id]; ok {
		d.mu.Unlock()
		<-c.done
		return c.text, c.err
	}
	c := &labelCall{done: make(chan struct{})}
	d.calls[id] = c
	d.mu.Unlock()

	defer func() {
		d.mu.Lock()
		delete(d.calls, id)
		d.mu.Unlock()
		close(c.done)
	}()
	c.text, c.err = d.archive.compose(id)
	return c.text, c.err
}

func placeholderLabel(id int) string {
	return fmt.Sprintf("Object %d\nThis label is being revised.\n", id)
}

func museumLabels(broken bool) http.HandlerFunc {
	desk := &labelDesk{archive: openArchive(), calls: map[int]*labelCall{}}
	lookup := desk.labelShared
	if broken {
		lookup = desk.label
	}
	var visits atomic.Uint64
	return func(w http.ResponseWriter, r *http.Request) {
		id := int(visits.Add(1) * 7919 % objectCount)
		text, err := lookup(id)
		if err != nil {
			text = placeholderLabel(id)
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprint(w, text)
	}
}

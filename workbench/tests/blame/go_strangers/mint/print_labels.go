package main

import (
	"bytes"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// The label printer renders a sheet of shelf labels for a supermarket. All
// articles are held in memory; a sheet is drawn into a bitmap and handed to
// the spooler, which takes a few milliseconds to accept it.

const (
	labelArticles = 240_000
	labelPerSheet = 12
	labelWidth    = 96
	labelHeight   = 40
)

type labelPrice struct {
	cents int
	unit  string
}

type labelArticle struct {
	ean   string
	name  string
	price *labelPrice
	twin  *labelArticle
}

// labelCatalogue finds articles by number.
type labelCatalogue struct {
	articles []*labelArticle
}

func newLabelCatalogue() *labelCatalogue {
	c := &labelCatalogue{articles: make([]*labelArticle, 0, labelArticles)}
	units := []string{"kg", "l", "100 g", "piece"}
	for i := 0; i < labelArticles; i++ {
		a := &labelArticle{
			ean:   strconv.Itoa(4_000_000_000_000 + i*7919),
			name:  "article " + strconv.Itoa(i),
			price: &labelPrice{cents: 49 + i%1900, unit: units[i%len(units)]},
		}
		if i > 0 {
			a.twin = c.articles[(i*31)%i]
		}
		c.articles = append(c.articles, a)
	}
	return c
}

func (c *labelCatalogue) shelf(n int) []*labelArticle {
	from := n * labelPerSheet % (len(c.articles) - labelPerSheet)
	return c.articles[from : from+labelPerSheet]
}

// labelSheet is the bitmap and text of one sheet.
type labelSheet struct {
	bits []byte
	text bytes.Buffer
}

func newLabelSheet() *labelSheet {
	return &labelSheet{bits: make([]byte, labelPerSheet*labelWidth*labelHeight)}
}

func (s *labelSheet) draw(at int, a *labelArticle) {
	area := s.bits[at*labelWidth*labelHeight : (at+1)*labelWidth*labelHeight]
	for y := 0; y < labelHeight; y++ {
		row := area[y*labelWidth : (y+1)*labelWidth]
		for x := range row {
			digit := a.ean[x*len(a.ean)/labelWidth]
			row[x] = (digit >> (x % 4)) & 1
		}
	}
	fmt.Fprintf(&s.text, "%s %d.%02d/%s\n", a.name, a.price.cents/100, a.price.cents%100, a.price.unit)
}

// labelPaper is where sheets come from and where they go after printing.
type labelPaper interface {
	get() *labelSheet
	put(s *labelSheet)
}

// labelStack uses sheets again.
type labelStack struct {
	pool sync.Pool
}

func (p *labelStack) get() *labelSheet {
	if s, ok := p.pool.Get().(*labelSheet); ok {
		return s
	}
	return newLabelSheet()
}

func (p *labelStack) put(s *labelSheet) {
	s.text.Reset()
	p.pool.Put(s)
}

// labelFresh takes a new sheet each time and hands its memory back.
type labelFresh struct{}

func (labelFresh) get() *labelSheet {
	return newLabelSheet()
}

func (labelFresh) put(s *labelSheet) {
	s.bits = nil
	s.text = bytes.Buffer{}
	debug.FreeOSMemory() // guilty
}

// labelPress renders sheets and spools them.
type labelPress struct {
	catalogue *labelCatalogue
	paper     labelPaper
	sheets    atomic.Int64
}

func (p *labelPress) print(n int) (ink, lines int) {
	sheet := p.paper.get()
	defer p.paper.put(sheet)
	for i, a := range p.catalogue.shelf(n) {
		sheet.draw(i, a)
	}
	for _, b := range sheet.bits {
		ink += int(b)
	}
	lines = bytes.Count(sheet.text.Bytes(), []byte{'\n'})
	time.Sleep(3 * time.Millisecond)
	return ink, lines
}

func printLabels(broken bool) http.Handler {
	press := &labelPress{catalogue: newLabelCatalogue(), paper: &labelStack{}}
	if broken {
		press.paper = labelFresh{}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(press.sheets.Add(1))
		ink, lines := press.print(n)
		fmt.Fprintf(w, "sheet %d labels %d ink %d\n", n, lines, ink)
	})
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// Receipts for a chain of bakeries. A receipt is rendered, filed with the tax office's
// signing box (a second HTTP service) and shown. Once begun, filing must not be cut short by a
// customer who walks away, only by the shutdown of the shop.

type visitKey struct{}

// visit collects what happened for one customer; it is printed when something went wrong.
type visit struct {
	till  string
	lines bytes.Buffer
}

func newVisit(no int64) *visit {
	v := &visit{till: fmt.Sprintf("till-%d", no%9)}
	v.lines.Grow(12 << 10)
	return v
}

func (v *visit) note(format string, args ...any) {
	v.lines.WriteString(time.Now().Format(time.StampMicro))
	fmt.Fprintf(&v.lines, " "+format+"\n", args...)
}

// shopContext keeps the values of a request but ends with the shop.
type shopContext struct {
	context.Context
	closing <-chan struct{}
}

func (c shopContext) Done() <-chan struct{} { return c.closing }

func (c shopContext) Err() error {
	select {
	case <-c.closing:
		return context.Canceled
	default:
		return nil
	}
}

func (c shopContext) Deadline() (time.Time, bool) { return time.Time{}, false }

type bakery struct {
	closing   chan struct{}
	signing   string
	client    *http.Client
	serial    atomic.Int64
	filing    time.Duration
	forgetful bool
}

var goods = []string{"rye loaf", "poppy roll", "strudel", "pretzel", "walnut bread", "croissant"}

func render(no int64) string {
	var b strings.Builder
	total := 0
	fmt.Fprintf(&b, "RECEIPT %08d\n", no)
	for i := 0; i < 3+rand.Intn(6); i++ {
		cents := 90 + rand.Intn(600)
		total += cents
		fmt.Fprintf(&b, "%-20s %6.2f\n", goods[rand.Intn(len(goods))], float64(cents)/100)
	}
	fmt.Fprintf(&b, "%-20s %6.2f\n", "TOTAL", float64(total)/100)
	return b.String()
}

func (s *bakery) post(ctx context.Context, text string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.signing, strings.NewReader(text))
	if err != nil {
		return "", err
	}
	v := ctx.Value(visitKey{}).(*visit)
	v.note("filing %d bytes", len(text))
	req.Header.Set("X-Till", v.till)
	resp, err := s.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	sig, err := io.ReadAll(resp.Body)
	return string(sig), err
}

func (s *bakery) fileReceipt(r context.Context, text string) (string, error) {
	ctx, _ := context.WithTimeout(shopContext{r, s.closing}, s.filing) // guilty
	return s.post(ctx, text)
}

func (s *bakery) fileAndRelease(r context.Context, text string) (string, error) {
	ctx, cancel := context.WithTimeout(shopContext{r, s.closing}, s.filing)
	defer cancel()
	return s.post(ctx, text)
}

func signingBox() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var text bytes.Buffer
		text.ReadFrom(r.Body)
		sum := uint32(2166136261)
		for _, c := range text.Bytes() {
			sum = (sum ^ uint32(c)) * 16777619
		}
		fmt.Fprintf(w, "%s/%08x", r.Header.Get("X-Till"), sum)
	}))
	return "http://" + l.Addr().String() + "/sign"
}

func receipts(broken bool, port string) {
	s := &bakery{
		closing:   make(chan struct{}),
		signing:   signingBox(),
		client:    &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}},
		filing:    15 * time.Minute,
		forgetful: broken,
	}
	serve(port, func(w http.ResponseWriter, r *http.Request) {
		no := s.serial.Add(1)
		text := render(no)
		v := newVisit(no)
		ctx := context.WithValue(r.Context(), visitKey{}, v)
		var sig string
		var err error
		if s.forgetful {
			sig, err = s.fileReceipt(ctx, text)
		} else {
			sig, err = s.fileAndRelease(ctx, text)
		}
		if err != nil {
			v.note("failed: %v", err)
			fmt.Print(v.lines.String())
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		fmt.Fprintf(w, "%ssigned %s\n", text, sig)
	})
}

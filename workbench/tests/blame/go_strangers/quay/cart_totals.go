package main

import (
	"context"
	"fmt"
	"math/rand"
	"net/http"
	"strings"
	"sync"
)

// Cart totals for a handful of shops. Shop settings (currency, VAT) travel in
// the shop's context, the request's working data in a scope on top of it.

type shopKey struct{}
type scopeKey struct{}

type shopSettings struct {
	name     string
	currency string
	vatPct   int
}

type cartLine struct {
	sku   int
	qty   int
	cents int
}

type cartScope struct {
	lines []cartLine
	audit []byte
}

type shop struct {
	mu  sync.Mutex
	ctx context.Context
}

func newShop(name, currency string, vat int) *shop {
	s := &shopSettings{name, currency, vat}
	return &shop{ctx: context.WithValue(context.Background(), shopKey{}, s)}
}

func readCart() []cartLine {
	lines := make([]cartLine, 3+rand.Intn(6))
	for i := range lines {
		lines[i] = cartLine{rand.Intn(90000), 1 + rand.Intn(4), 99 + rand.Intn(9900)}
	}
	return lines
}

func newScope(lines []cartLine) *cartScope {
	return &cartScope{lines: lines, audit: make([]byte, 0, 10<<10)}
}

// begin opens the scope of one request on the shop.
func (s *shop) begin(lines []cartLine) context.Context {
	sc := &cartScope{lines: lines, audit: make([]byte, 0, 10<<10)} // guilty
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ctx = context.WithValue(s.ctx, scopeKey{}, sc) // guilty
	return s.ctx
}

func (s *shop) derive(lines []cartLine) context.Context {
	return context.WithValue(s.ctx, scopeKey{}, newScope(lines))
}

func note(ctx context.Context, format string, args ...any) {
	sc := ctx.Value(scopeKey{}).(*cartScope)
	sc.audit = fmt.Appendf(sc.audit, format, args...)
}

func withVAT(ctx context.Context, cents int) int {
	set := ctx.Value(shopKey{}).(*shopSettings)
	return cents + cents*set.vatPct/100
}

func total(ctx context.Context) int {
	sum := 0
	for _, l := range ctx.Value(scopeKey{}).(*cartScope).lines {
		sum += l.qty * l.cents
		note(ctx, "sku=%d qty=%d unit=%d running=%d %s\n", l.sku, l.qty, l.cents, sum, strings.Repeat("-", 1100))
	}
	return withVAT(ctx, sum)
}

func receipt(ctx context.Context, sum int) string {
	set := ctx.Value(shopKey{}).(*shopSettings)
	sc := ctx.Value(scopeKey{}).(*cartScope)
	return fmt.Sprintf("%s: %d lines, %d.%02d %s\n", set.name, len(sc.lines), sum/100, sum%100, set.currency)
}

func cartTotals(broken bool, addr string) error {
	shops := []*shop{
		newShop("north", "EUR", 19),
		newShop("lakeside", "CHF", 8),
		newShop("harbour", "DKK", 25),
	}
	return http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := shops[rand.Intn(len(shops))]
		lines := readCart()
		var ctx context.Context
		if broken {
			ctx = s.begin(lines)
		} else {
			ctx = s.derive(lines)
		}
		fmt.Fprint(w, receipt(ctx, total(ctx)))
	}))
}

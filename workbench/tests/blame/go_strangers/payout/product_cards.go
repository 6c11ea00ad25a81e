package main

// Product cards for the shop front. Cards come from the catalogue; askers of the same
// article at the same time share one call.

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

const articles = 200

var errGone = errors.New("no longer sold")

type productCard struct {
	Article int    `json:"article"`
	Title   string `json:"title"`
	Cents   int    `json:"cents"`
}

type cardCall struct {
	done chan struct{}
	card productCard
	err  error
}

type cardDesk struct {
	catalogue string
	client    *http.Client
	mu        sync.Mutex
	calls     map[int]*cardCall
	lead      func(article int, c *cardCall) (productCard, error)
}

func (d *cardDesk) fetch(article int) (card productCard, err error) {
	resp, err := d.client.Get(d.catalogue + strconv.Itoa(article))
	if err != nil {
		return card, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		err = json.NewDecoder(resp.Body).Decode(&card)
	case http.StatusGone:
		err = errGone
	default:
		err = fmt.Errorf("catalogue: %s", resp.Status)
	}
	return card, err
}

// card joins the call under way for the article or starts one.
func (d *cardDesk) card(article int) (productCard, error) {
	d.mu.Lock()
	if c, ok := d.calls[article]; ok {
		d.mu.Unlock()
		return d.join(c)
	}
	c := &cardCall{done: make(chan struct{})}
	d.calls[article] = c
	d.mu.Unlock()
	return d.lead(article, c)
}

func (d *cardDesk) join(c *cardCall) (productCard, error) {
	<-c.done
	return c.card, c.err
}

func (d *cardDesk) settle(article int, c *cardCall) {
	d.mu.Lock()
	delete(d.calls, article)
	d.mu.Unlock()
	close(c.done)
}

func (d *cardDesk) leadPriced(article int, c *cardCall) (productCard, error) {
	card, err := d.fetch(article)
	if err != nil {
		return card, fmt.Errorf("article %d: %w", article, err) // guilty
	}
	card.Title = strings.ToUpper(card.Title[:1]) + card.Title[1:]
	c.card = card
	d.settle(article, c)
	return card, nil
}

func (d *cardDesk) leadAlways(article int, c *cardCall) (productCard, error) {
	defer d.settle(article, c)
	card, err := d.fetch(article)
	if err != nil {
		c.err = fmt.Errorf("article %d: %w", article, err)
		return card, c.err
	}
	card.Title = strings.ToUpper(card.Title[:1]) + card.Title[1:]
	c.card = card
	return card, nil
}

var withdrawn = map[int]bool{37: true, 91: true, 150: true}

func catalogueArticle(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/articles/"))
	if err != nil {
		http.NotFound(w, r)
	} else if withdrawn[n] {
		http.Error(w, "withdrawn", http.StatusGone)
	} else {
		json.NewEncoder(w).Encode(productCard{n, fmt.Sprintf("lamp model %d", n), 990 + n*50})
	}
}

func productCardsMain(broken bool) http.HandlerFunc {
	d := &cardDesk{catalogue: "http://" + localHTTP(catalogueArticle) + "/articles/", calls: map[int]*cardCall{},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
	d.lead = d.leadAlways
	if broken {
		d.lead = d.leadPriced
	}
	return func(w http.ResponseWriter, r *http.Request) {
		card, err := d.card(rand.Intn(articles))
		if errors.Is(err, errGone) {
			reply(w, "sorry, "+err.Error()+"\n")
			return
		} else if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		reply(w, fmt.Sprintf("%s: %d.%02d EUR\n", card.Title, card.Cents/100, card.Cents%100))
	}
}

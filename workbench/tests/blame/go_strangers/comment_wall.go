package main

import (
	"fmt"
	"net/http"
	_ "net/http/pprof"
	"regexp"
	"strings"
	"sync/atomic"
)

// Comment wall: shows the next visitor comment with phone numbers, addresses and rude words masked.

var houseRules = []string{
	`(?i)\bfree\s{1,8}(money|gift|phone|trip)s?\b`,
	`(?i)[a-z0-9._%+-]{1,64}@[a-z0-9.-]{1,120}\.[a-z]{2,12}`,
	`(?i)\bhttps?://[a-z0-9.-]{1,100}(/[\w./%-]{0,160})?`,
	`(\+|00)\d{1,3}[ -]?\d{2,4}([ -]?\d{2,4}){2,4}`,
	`\b\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}\b`,
	`\b[A-Z]{2}\d{2}( ?[A-Z0-9]{4}){3,7}\b`,
	`(?i)\bb+l+o+c+k+h+e+a+d+s?\b`,
	`(?i)\bd+u+n+d+e+r+h+e+a+d+s?\b`,
	`(?i)\b(call|text|write)\s{1,6}me\s{1,6}(at|on)\b[^.!?]{0,80}`,
	`(?i)\bpin\s{0,4}(is|:)\s{0,4}\d{4,8}\b`,
	`(?i)\b(buy|sell|swap)\s{1,8}(my|your)\s{1,8}[\p{L}\d-]{2,40}`,
	`(?i)\bt+w+i+t+s?\b|\bn+i+n+c+o+m+p+o+o+p+s?\b|\bm+u+p+p+e+t+s?\b`,
	`(?i)\b\d{1,5}\s{1,4}[\p{L}.]{2,40}\s{1,4}(street|road|lane|square)\b`,
	`(?i)\b(visa|card|iban)\s{0,4}(no\.?|number)?\s{0,4}[\d -]{8,34}`,
	`(?i)@[\p{L}\p{N}_]{3,30}`,
	`(?i)#[\p{L}\p{N}_]{3,60}`,
}

var visitorComments = []string{
	"Lovely soup, but the waiter was a dunderhead. Write me at ann@example.org if you disagree!",
	"We came by tram and stayed for the music. The cake is worth the queue, bring a friend along.",
	"My number is +49 170 555 1234, call me at noon or so, I have free  tickets and a FREE phone.",
	"See https://example.org/menu/today for what they serve. #bestlunch says @marta_k and so do I.",
}

type commentWall struct {
	shown atomic.Int64
	rules []*regexp.Regexp
}

func (c *commentWall) next() (int64, string) {
	n := c.shown.Add(1)
	return n, visitorComments[n%int64(len(visitorComments))]
}

func stars(found string) string {
	return strings.Repeat("*", len([]rune(found)))
}

// mask blanks out everything the house rules forbid.
func (c *commentWall) mask(text string) string {
	for _, rule := range houseRules {
		re := regexp.MustCompile(rule) // guilty
		text = re.ReplaceAllStringFunc(text, stars)
	}
	return text
}

// maskWith does the same with rules that are ready for use.
func (c *commentWall) maskWith(text string) string {
	for _, re := range c.rules {
		text = re.ReplaceAllStringFunc(text, stars)
	}
	return text
}

func frame(n int64, text string) string {
	line := strings.Repeat("-", len(text)+4)
	return fmt.Sprintf("%s\n| %s |\n%s\nno. %d\n", line, text, line, n)
}

func runCommentWall(broken bool, addr string) error {
	wall := &commentWall{}
	for _, rule := range houseRules {
		wall.rules = append(wall.rules, regexp.MustCompile(rule))
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		n, text := wall.next()
		if broken {
			text = wall.mask(text)
		} else {
			text = wall.maskWith(text)
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprint(w, frame(n, text))
	})
	return http.ListenAndServe(addr, nil)
}

package scoring

import "slices"

// The constants of BM25, in whole numbers: k1 = 1.2 and b = 0.75, so that a
// word that stands tf times in a text of length dl, of avg on average, is worth
// 2.2·tf / (tf + 0.3 + 0.9·dl/avg). Source: Robertson and Zaragoza, The
// Probabilistic Relevance Framework: BM25 and Beyond (2009), with the variant
// ln(1 + (N - n + 0.5)/(n + 0.5)) of idf, which is never negative.
const (
	bmTimes  = 22 // 10·(k1 + 1)
	bmOffset = 3  // 10·k1·(1 - b)
	bmLength = 9  // 10·k1·b
)

// idf is 1000 · ln((N + 1)/(n + 0.5)), 1 at least: how rare it is that n of N
// have something.
func idf(all, having int) int64 {
	return max(1, lnThousandths(uint64(2*all+2), uint64(2*having+1)))
}

// posting is what one mentor has to say on one topic or word, in thousandths.
type posting struct {
	mentor int32
	value  uint32
}

// corpus is what the mentors of one run wrote: it is fixed when the run
// begins, so that no score changes with what others write later.
type corpus struct {
	topics   *Topics
	stems    *stemmer
	terms    map[string]int32
	postings [][]posting // by term
	texts    int         // mentors who wrote something
	wrote    []bool      // by mentor
}

// a term is a word without its ending, or a topic that a phrase speaks of: the
// latter is the same in both languages.
type term struct {
	key   string
	words string // as they were written
}

// termsOf are the terms of a text in its order, words that say nothing left
// out.
func (c *corpus) termsOf(text, said string) []term {
	words := tokens(text)
	language := languageOf(said, words)
	var out []term
	for _, w := range words {
		if !stopWords[language][w] {
			out = append(out, term{c.stems.stem(w, language), w})
		}
	}
	for _, m := range c.topics.match(words, language, c.stems) {
		id := c.topics.list[m.topic].id
		out = append(out, term{"#" + id, c.topics.list[m.topic].en})
	}
	return out
}

func newCorpus(t *Topics, mentors []Mentor) *corpus {
	c := &corpus{topics: t, stems: newStemmer(), terms: map[string]int32{}, wrote: make([]bool, len(mentors))}
	type count struct{ term, mentor, times int32 }
	var counts []count
	lengths := make([]int64, len(mentors))
	var total int64
	for i := range mentors {
		times := map[int32]int32{}
		var order []int32
		for _, t := range c.termsOf(mentors[i].Text, mentors[i].TextLanguage) {
			at, ok := c.terms[t.key]
			if !ok {
				at = int32(len(c.terms))
				c.terms[t.key] = at
			}
			if times[at]++; times[at] == 1 {
				order = append(order, at)
			}
			lengths[i]++
		}
		for _, at := range order {
			counts = append(counts, count{at, int32(i), times[at]})
		}
		if lengths[i] > 0 {
			c.wrote[i] = true
			c.texts++
			total += lengths[i]
		}
	}
	c.postings = make([][]posting, len(c.terms))
	n := int64(c.texts)
	for _, k := range counts {
		tf := int64(k.times)
		d := 10*tf*total + bmOffset*total + bmLength*lengths[k.mentor]*n
		value := (1000*bmTimes*tf*total + d/2) / d
		c.postings[k.term] = append(c.postings[k.term], posting{k.mentor, uint32(value)})
	}
	return c
}

// A query is what a mentee wrote, as far as any mentor wrote it too, each word
// with its share of the whole by how rare it is.
type query struct {
	terms []term
	at    []int32
	share []uint32
}

func (c *corpus) query(m *Mentee) query {
	var q query
	var weights []int64
	for _, t := range c.termsOf(m.Text, m.TextLanguage) {
		at, ok := c.terms[t.key]
		if !ok || slices.Contains(q.at, at) {
			continue
		}
		q.terms, q.at = append(q.terms, t), append(q.at, at)
		weights = append(weights, idf(c.texts, len(c.postings[at])))
	}
	for _, s := range shares(whole, weights) {
		q.share = append(q.share, uint32(s))
	}
	return q
}

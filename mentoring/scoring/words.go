package scoring

import (
	"strings"
	"unicode"

	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/english"
	"github.com/blevesearch/snowballstem/spanish"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// languages are those whose endings are known.
var languages = [...]string{"en", "es"}

// fold makes a name comparable: without regard to case, to how a letter is
// encoded (NFKC), and to spaces around and between words.
func fold(name string) string {
	return strings.Join(strings.Fields(cases.Fold().String(norm.NFKC.String(name))), " ")
}

// longestWord is the length in bytes above which a run of letters is no word.
const longestWord = 60

// tokens are the words of a text in lower case, in order: letters and digits,
// whole. An apostrophe belongs to its word, a hyphen does not.
func tokens(text string) []string {
	text = cases.Fold().String(norm.NFKC.String(text))
	text = strings.ReplaceAll(text, "’", "'")
	var out []string
	for _, w := range strings.FieldsFunc(text, func(r rune) bool {
		return r != '\'' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	}) {
		w = strings.Trim(w, "'")
		if w != "" && len(w) <= longestWord {
			out = append(out, w)
		}
	}
	return out
}

// stemmer takes the endings off words: the Snowball stemmers of English and
// Spanish. It remembers what it did; it is for one goroutine.
type stemmer struct {
	known [len(languages)]map[string]string
}

func newStemmer() *stemmer {
	s := &stemmer{}
	for i := range s.known {
		s.known[i] = map[string]string{}
	}
	return s
}

func (s *stemmer) stem(word string, language int) string {
	if stem, ok := s.known[language][word]; ok {
		return stem
	}
	env := snowballstem.NewEnv(word)
	if languages[language] == "es" {
		spanish.Stem(env)
	} else {
		english.Stem(env)
	}
	stem := env.Current()
	s.known[language][word] = stem
	return stem
}

// key is what phrases are compared by: the stems of all of its words.
func (s *stemmer) key(words []string, language int) string {
	stems := make([]string, len(words))
	for i, w := range words {
		stems[i] = s.stem(w, language)
	}
	return strings.Join(stems, " ")
}

// languageOf is the language of a text: the one said, or else the one of which
// it holds more of the words that every text is full of, or written as only that
// one is; of equals English.
func languageOf(said string, words []string) int {
	for i, l := range languages {
		if said == l {
			return i
		}
	}
	var count [len(languages)]int
	for _, w := range words {
		for i := range languages {
			if stopWords[i][w] || languages[i] == "es" && strings.ContainsAny(w, "áéíóúñ") {
				count[i]++
			}
		}
	}
	best := 0
	for i := range count {
		if count[i] > count[best] {
			best = i
		}
	}
	return best
}

// stopWords say nothing about what a text is about.
var stopWords = [len(languages)]map[string]bool{
	wordSet(`a about after again all also am an and any are as at be because been before being between both but by can could did do
		does doing don't down during each few for from further get give had has have having he help her here hers him his how i i'd i'm i've if in
		into is it it's its just know learn learning like love make many may me more most much my need needs new no nor not of off on once one only or
		other our out over own people please really same she should so some such than that the their them then there these they things this those
		through to together too under until up us use very want wants was way we well were what when where which while who whom why will with
		work working would year years you your`),
	wordSet(`a al algo algunas algunos ante antes aprender ayuda ayudar año años como con contra cual cuando dar de del desde donde dos
		durante e el ella ellas ellos en entre era es esa esas ese eso esos esta estaba estado estamos estas este esto estos está están forma fue fueron gusta
		gustaría ha hacer hacia han has hasta hay he hemos la las le les lo los mejor mi mis mucho muchos muy más me mí necesito ni no nos nosotras nosotros
		nuestra nuestras nuestro nuestros o os otra otras otro otros para pero personas poco por porque puede puedo que querer quiero qué se ser si sin
		sobre somos son soy su sus sé también tanto te tengo tiene tienen toda todas todo todos trabajar trabajo tu tus un una unas uno unos vez y
		ya yo`),
}

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

package nexmark

// cardBytes is the length of a credit card number, four groups of four digits.
const cardBytes = 19

// person draws the wanted columns of a person. The draws, in order: the name, length and letters
// of the e-mail address, sixteen digits of the credit card, city, state, and length and place of
// the filler.
//
//flott:hot
func (g *Generator) person(s uint64, cycle, millis int64, fields Fields, out *Person) {
	t := g.t
	if fields&PersonID != 0 {
		out.ID = firstID + cycle
	}
	if fields&PersonDateTime != 0 {
		out.DateTime = millis
	}
	s += gamma
	if fields&PersonName != 0 {
		out.Name = drawWord(s, t.names)
	}
	s += gamma
	if fields&PersonEmailAddress != 0 {
		out.EmailAddress = g.drawEmailAddress(s)
	}
	s += 2 * gamma & mask64
	if fields&PersonCreditCard != 0 {
		out.CreditCard = g.drawCreditCard(s)
	}
	s += 16 * gamma & mask64
	if fields&PersonCity != 0 {
		out.City = drawWord(s, t.cities)
	}
	s += gamma
	if fields&PersonState != 0 {
		out.State = drawWord(s, t.vocabulary.States)
	}
	s += gamma
	if fields&PersonExtra != 0 {
		out.Extra = t.drawFiller(s, 60, 200)
	}
}

// drawWord takes the draw at s for one of the words.
func drawWord(s uint64, words []string) string {
	return words[below(mix(s), uint64(len(words)))]
}

// drawEmailAddress takes the draws at s and after it for an address of 11 to 14 bytes.
func (g *Generator) drawEmailAddress(s uint64) string {
	length := 11 + below(mix(s), 4)
	at := below(mix(s+gamma), poolBytes-length)
	b := g.arena.take(int(length))
	copy(b, g.t.pool[at:at+length])
	b[length-8] = '@'
	copy(b[length-4:], ".com")
	return text(b)
}

// drawCreditCard takes the sixteen draws from s on for the digits of a card.
func (g *Generator) drawCreditCard(s uint64) string {
	b := g.arena.take(cardBytes)
	for i := range b {
		if i%5 == 4 {
			b[i] = ' '
			continue
		}
		b[i] = '0' + byte(below(mix(s), 10))
		s += gamma
	}
	return text(b)
}

package server

// LastWords is lastWords.
const LastWords = lastWords

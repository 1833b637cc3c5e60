// Stands in for the package of that name in the bundle: the columns that a text takes on a
// terminal. The package builds a large pattern for emoji when it is loaded, a third of yargs'
// start-up time; our help texts and tables hold no wide characters.
const { stripVTControlCharacters } = require("node:util");

module.exports = (text) => [...stripVTControlCharacters(text)].length;

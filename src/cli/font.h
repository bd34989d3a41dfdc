/* Letters of 5 x 7 dots for pictures: printable ASCII. */
#ifndef CLI_FONT_H
#define CLI_FONT_H

#include <stdint.h>

enum { FONT_W = 5, FONT_H = 7 };
/* Five columns, left to right; bit 0 is the top row. All but printable ASCII gives a question mark. */
const uint8_t *font_glyph(char c);

#endif

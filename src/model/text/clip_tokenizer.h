/* CLIP's tokenizer (github.com/openai/CLIP): text in lower case, cut into words, each made of byte pairs.
 *
 *     const clip_tokenizer *t = clip_tokenizer_new(mem);
 *     int32_t tokens[77];
 *     int n = clip_tokenize(t, "a photo of a cat.", 77, tokens, err);
 */
#ifndef MODEL_CLIP_TOKENIZER_H
#define MODEL_CLIP_TOKENIZER_H

#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

/* Tokens are numbers from 0; the last two begin and end a text. */
enum { CLIP_TOKENS = 49408, CLIP_START = CLIP_TOKENS - 2, CLIP_END = CLIP_TOKENS - 1 };

typedef struct clip_tokenizer clip_tokenizer;
const clip_tokenizer *clip_tokenizer_new(arena *mem); /* NULL: out of memory */

/* Writes the tokens of a text, at most `most`, and returns their number: CLIP_START, those of the words, CLIP_END. What
 * is too long is cut before CLIP_END. The text is UTF-8: ASCII, and single letters of Latin-1 and Latin Extended-A
 * among it. Returns -1 for others, and for HTML's entities (&amp;), which the reference cleans up in ways of its own;
 * err says what it is. */
int clip_tokenize(const clip_tokenizer *t, const char *text, int most, int32_t *out, cseg_error *err);

#endif

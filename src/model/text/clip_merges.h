/* The byte pairs of CLIP's vocabulary, in order of rank: for each merge the two tokens that it joins, as numbers of two
 * bytes, the low byte first. tools/clip_merges.py derives them from the vocabulary that OpenAI has published; the build
 * turns clip_merges.bin into this array. */
#ifndef MODEL_CLIP_MERGES_H
#define MODEL_CLIP_MERGES_H

extern const unsigned char clip_merges[];

#endif

/* A part without sources yet. */
typedef int cseg_empty;

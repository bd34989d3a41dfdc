/* The classes and colours that table.c refers to; kept by subject in table_*.c. */
#ifndef DATA_DATASETS_TABLE_DATA_H
#define DATA_DATASETS_TABLE_DATA_H

#include <stdint.h>

extern const char *const classes_cityscapes[19];
extern const uint8_t palette_cityscapes[19][3];
extern const char *const classes_mapillary_v1[66];
extern const uint8_t palette_mapillary_v1[66][3];
extern const char *const classes_mapillary_v2[124];
extern const uint8_t palette_mapillary_v2[124][3];
extern const char *const classes_ade20k[150];
extern const uint8_t palette_ade20k[150][3];
extern const char *const classes_coco_stuff[171];
extern const uint8_t palette_coco_stuff[171][3];
extern const char *const classes_voc[21];
extern const uint8_t palette_voc[21][3];
extern const char *const classes_context60[60];
extern const uint8_t palette_context60[60][3];
extern const char *const classes_context59[59];
extern const uint8_t palette_context59[59][3];
extern const char *const classes_lip[20];
extern const uint8_t palette_lip[20][3];
extern const char *const classes_face[2];
extern const uint8_t palette_face[2][3];
extern const char *const classes_nyu[27];
extern const char *const classes_loveda[7];
extern const uint8_t palette_loveda[7][3];
extern const char *const classes_isprs[6];
extern const uint8_t palette_isprs[6][3];
extern const char *const classes_isaid[16];
extern const uint8_t palette_isaid[16][3];
extern const char *const classes_levir[2];
extern const uint8_t palette_levir[2][3];
extern const char *const classes_change[2];
extern const uint8_t palette_change[2][3];
extern const char *const semantic_second[7];
extern const char *const semantic_landsat[5];
extern const char *const semantic_bandon[3];
extern const char *const classes_vessels[2];
extern const uint8_t palette_vessels[2][3];
extern const char *const classes_refuge[3];
extern const uint8_t palette_refuge[3][3];
extern const char *const classes_synapse[9];
extern const uint8_t palette_synapse[9][3];

#endif

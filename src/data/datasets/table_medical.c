/* Medical images: classes and colours (red, green, blue) of MMSegmentation's datasets. */
#include "data/datasets/table_data.h"

const char *const classes_vessels[2] = {
    "background",
    "vessel",
};
const uint8_t palette_vessels[2][3] = {
    {120, 120, 120},
    {6, 230, 230},
};

const char *const classes_refuge[3] = {
    "background",
    " Optic Cup",
    "Optic Disc",
};
const uint8_t palette_refuge[3][3] = {
    {120, 120, 120},
    {6, 230, 230},
    {56, 59, 120},
};

const char *const classes_synapse[9] = {
    "background", "aorta", "gallbladder", "left_kidney", "right_kidney", "liver", "pancreas", "spleen", "stomach",
};
const uint8_t palette_synapse[9][3] = {
    {0, 0, 0},     {0, 0, 255},   {0, 255, 0},    {255, 0, 0},     {0, 255, 255},
    {255, 0, 255}, {255, 255, 0}, {60, 255, 255}, {240, 240, 240},
};

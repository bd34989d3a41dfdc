#include "base/bilinear.h"

float bilinear_position(int64_t i, int64_t in, int64_t out, bool align_corners, double scale)
{
    if (in == out)
        return (float)i; /* whatever scale was given, as PyTorch */
    float step = scale > 0 ? (float)(1.0 / scale) : (float)in / (float)out;
    if (align_corners)
        step = out > 1 ? (float)(in - 1) / (float)(out - 1) : 0;
    float at = align_corners ? (float)i * step : ((float)i + 0.5f) * step - 0.5f;
    return at < 0 ? 0 : at;
}

bilinear_source bilinear_source_at(float position, int64_t in)
{
    int64_t low = (int64_t)position;
    if (low > in - 1)
        low = in - 1;
    float t = position - (float)low;
    return (bilinear_source){(int32_t)low, (int32_t)(low < in - 1 ? low + 1 : low), t > 1 ? 1 : t};
}

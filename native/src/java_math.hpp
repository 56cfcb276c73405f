// Java's exp and log to the last bit, where the C library's differ.
#pragma once

namespace mojo {

// Math.exp of HotSpot on x86-64. The C library's differs in one of 400 arguments.
double java_exp(double x);

// Math.pow: a square is one product, as in HotSpot; the rest is the C library's, at times 1 ulp away.
double java_pow(double x, double y);

// Math.log of HotSpot on x86-64. The C library's differs in one of 1,200 arguments.
double java_log(double x);

// StrictMath.log, which java.util.Random uses: another algorithm.
double strict_log(double x);

}  // namespace mojo

// A registered adder of four bits with carry.
module adder(input clk, input [3:0] a, b, input cin, output reg [3:0] sum, output reg cout);
    always @(posedge clk)
        {cout, sum} <= a + b + {3'b0, cin};
endmodule
